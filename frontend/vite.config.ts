import { fileURLToPath } from "node:url";

import { defineConfig, type Plugin } from "vite";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** dicom-image-loader 5.14.0 allocates an HTJ2KDecoder per frame and never frees it (cornerstone3D PR #1388). */
const fixHtj2kLeak = (): Plugin => ({
  name: "fix-htj2k-leak",
  enforce: "pre",
  transform(code, id) {
    if (!/decodeHTJ2K\.js/.test(id)) return undefined;
    const leak = "const decoder = new local.codec.HTJ2KDecoder();";
    if (!code.includes(leak)) this.error("decodeHTJ2K.js changed: check the HTJ2K leak fix again");
    return { code: code.replace(leak, "const decoder = local.decoder;"), map: null };
  },
});

export default defineConfig({
  // Asset, worker and wasm URLs resolve from import.meta.url, so that any STATIC_URL works.
  base: "./",
  plugins: [fixHtj2kLeak()],
  resolve: { alias: { xmlbuilder2: path("./shims/xmlbuilder2.ts") } },
  build: {
    outDir: "../labeling/static/viewer",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      input: {
        reading: path("./src/reading.ts"),
        anatomy: path("./src/anatomy.ts"),
        consensus: path("./src/consensus.ts"),
        intake: path("./src/pages/intake.ts"),
        work: path("./src/pages/work.ts"),
        shell: path("./src/pages/shell.ts"),
      },
      // Django's staticfiles storage hashes the entries; Vite hashes what the entries import.
      output: { entryFileNames: "[name].js" },
    },
  },
  worker: { format: "es", plugins: () => [fixHtj2kLeak()] },
});
