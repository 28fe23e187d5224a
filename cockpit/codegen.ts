import type { CodegenConfig } from "@graphql-codegen/cli";

/** Types of every operation, from the schema the server exports; run after either changes. */
const config: CodegenConfig = {
  schema: process.env.FORKPOINT_SCHEMA ?? "../schema.graphql",
  documents: ["src/**/*.ts", "src/**/*.tsx", "!src/graphql/generated/**"],
  generates: {
    "src/graphql/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { JSON: "unknown", BigInt: "string", Column: "string" },
      },
    },
  },
};

export default config;
