import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env.FORKPOINT_URL ?? "http://127.0.0.1:4600";

/**
 * `__CSP_NONCE__` in the built index.html is replaced by the server, once a response. Nothing is
 * inlined as a data URL, because the content security policy allows none.
 */
export const config = defineConfig({
  base: "/",
  plugins: [react()],
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  css: { modules: { localsConvention: "camelCaseOnly" } },
  server: {
    proxy: {
      "/graphql": { target: api, ws: true },
      "/v1": { target: api },
    },
  },
  test: {
    include: ["src/**/*.test.ts", "src/**/*.test.tsx"],
    environment: "node",
  },
});

export { config as default };
