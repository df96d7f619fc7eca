import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The registry that `npm run dev` talks to. */
const REGISTRY = "http://127.0.0.1:5000";

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      "/api": REGISTRY,
      "/c": REGISTRY,
      "/v2": REGISTRY,
    },
  },
  build: {
    target: "es2022",
    sourcemap: false,
    // The terms of what the vendor chunk holds go wherever it goes.
    license: { fileName: "licenses.md" },
    // The policy of the page allows no `data:` scripts or fonts, and a file of its own is cached by its hash.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1300,
    rolldownOptions: {
      output: {
        // What changes rarely lies apart, so that a new portal is a small download and a small change of `dist`.
        codeSplitting: {
          groups: [{ name: "vendor", test: /node_modules/ }],
        },
      },
    },
  },
});
