import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the page alone; these paths belong to a running `reelpack serve`.
const server = process.env["REELPACK_URL"] ?? "http://127.0.0.1:5000";
const serverPaths = ["/api", "/license", "/videos", "/upload_input_content", "/success"];

export default defineConfig({
  plugins: [svelte()],
  base: "/",
  build: {
    assetsDir: "_app",
    // Every file is a file under /_app/: a strict content security policy needs no data: then.
    assetsInlineLimit: 0,
    target: "es2022",
    // Shaka Player is one file of 0.7 MB; it is loaded only when something is played.
    chunkSizeWarningLimit: 800,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(serverPaths.map((path) => [path, server])) },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
