// graphql-eslint on the schema: all rules of its schema and Relay sets, and descriptions everywhere.
import graphql from "@graphql-eslint/eslint-plugin";

export default [
  {
    files: ["schema.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: "schema.graphql" } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
        },
      ],
      // A connection's `nodes` and a payload's `errors` are lists of what they hold; only connections have edges.
      // What a search finds is no object of its own, and has one.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
      // A file's `fileBatch` is a file batch, as it is called everywhere.
      "@graphql-eslint/no-typename-prefix": "off",
      // What is a part of an answer has no identity: a page, a member's role, what came of a change.
      "@graphql-eslint/strict-id-in-types": [
        "error",
        {
          acceptedIdNames: ["id"],
          acceptedIdTypes: ["ID"],
          exceptions: { suffixes: ["Connection", "Edge", "Payload", "Error"], types: ["CaseMember", "ChangeFeed", "Checkpoint", "EventCount", "FeedEntry", "FieldChange", "Journal", "Manifest", "PageInfo", "SearchHit", "Seal", "TagCount"] },
        },
      ],
    },
  },
];
