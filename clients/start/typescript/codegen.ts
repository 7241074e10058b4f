// A typed document for each operation, from the schema alone: no server is asked.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: "operations/*.graphql",
  importExtension: ".ts",
  generates: {
    "gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: { strictScalars: true, scalars: { DateTime: "string", JSON: "unknown", BigInt: "number" }, enumsAsTypes: true, useTypeImports: true },
    },
  },
};

export default config;
