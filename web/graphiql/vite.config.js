// Builds the page into the Python package; Bursar serves index.html at /graphql, the rest below /graphql/assets/.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/graphql/",
  build: {
    outDir: "../../src/bursar/http/graphiql",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000, // in kB: Monaco is one large chunk by nature
    rolldownOptions: { checks: { moduleLevelDirective: false } }, // "use client" in libraries means nothing here
  },
});
