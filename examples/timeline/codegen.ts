import type { CodegenConfig } from '@graphql-codegen/cli';

/** Types for the operations in src/, checked against the schema that Dossier is released with. */
const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['src/**/*.{ts,tsx}', '!src/gql/**'],
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        strictScalars: true,
        scalars: { DateTime: 'string', JSON: 'unknown', BigInt: 'number' },
        useTypeImports: true,
      },
    },
  },
};

export default config;
