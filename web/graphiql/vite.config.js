// Builds the page into the Python package; Bursar serves index.html at /graphql, the rest below /graphql/assets/.
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

// What a browser takes instead of a file is made once, here: Monaco's are megabytes.
const gzip = {
  name: "gzip",
  writeBundle({ dir }, bundle) {
    for (const name of Object.keys(bundle)) {
      const path = `${dir}/${name}`;
      if (name.startsWith("assets/")) writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
    }
  },
};

export default defineConfig({
  base: "/graphql/",
  plugins: [gzip],
  build: {
    outDir: "../../src/bursar/http/graphiql",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000, // in kB: Monaco is one large chunk by nature
    rolldownOptions: { checks: { moduleLevelDirective: false } }, // "use client" in libraries means nothing here
  },
});
