import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Addresses are relative, so that one build serves under every route prefix (see the <base> of index.html).
// `npm run dev` shows live data of a server on 127.0.0.1:9090, or of the one that FIRESTEEL_API names.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: process.env.FIRESTEEL_UI_OUT ?? "../crates/web/ui/dist",
    emptyOutDir: true,
    chunkSizeWarningLimit: 2000,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": process.env.FIRESTEEL_API ?? "http://127.0.0.1:9090" },
  },
});
