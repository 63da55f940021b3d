import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";
import { sourcesListed } from "./sources";

export default defineConfig({
  plugins: [preact(), sourcesListed()],
  base: "./",
  build: {
    outDir: "../src/facemogle/apps/studio/static",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the server's content security policy allows files of its own alone
    modulePreload: { polyfill: false },
  },
  // The studio refuses pages of other origins, and the short form would make this one look like that.
  server: {
    proxy: { "/api": { target: process.env.STUDIO ?? "http://localhost:7860", changeOrigin: false } },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
