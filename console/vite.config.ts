// Builds the console into dist/ with hashed assets and no inline script or style, so that `default-src 'self'` holds.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where a real center listens while the console is worked on. */
const CENTER = process.env.BONGSU_CENTER ?? "http://127.0.0.1:8443";

export default defineConfig({
  plugins: [react()],
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    sourcemap: false,
    manifest: true,
  },
  server: { host: "127.0.0.1", proxy: { "/api": { target: CENTER, secure: false } } },
  preview: { host: "127.0.0.1" },
  test: { environment: "happy-dom", include: ["test/**/*.test.{ts,tsx}"] },
});
