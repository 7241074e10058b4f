// graphql-codegen's client preset: a typed document for each operation.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: "operations/*.graphql",
  importExtension: ".js",
  generates: {
    "typescript/generated/": {
      preset: "client",
      // The hashes are the ids of the documents: `dossier documents add` registers persisted-documents.json.
      presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256" } },
      config: { strictScalars: true, scalars: { DateTime: "string", JSON: "unknown", BigInt: "number" }, enumsAsTypes: true, useTypeImports: true },
    },
  },
};

export default config;
