// The same console with the mock center behind the same paths: `dev:mock` and `preview:mock`. Nothing of it is built.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { mockCenter } from "./mock/plugin";

export default defineConfig({
  plugins: [react(), mockCenter()],
  server: { host: "127.0.0.1" },
  preview: { host: "127.0.0.1" },
});
