import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** What a built page depends on; tests/apps/studio/test_built_page.py has the same list. */
const SOURCES = [
  "index.html",
  "package-lock.json",
  "public",
  "sources.ts",
  "src",
  "tsconfig.json",
  "vite.config.ts",
];

/** Puts `sources.sha256` beside the page: which sources it was built from, as `sha256sum` lists them. */
export function sourcesListed(): Plugin {
  const root = import.meta.dirname;
  return {
    name: "sources-listed",
    apply: "build",
    generateBundle() {
      const lines = SOURCES.flatMap((name) => filesUnder(root, name))
        .sort()
        .map((path) => `${sha256(join(root, path))}  ${path}\n`);
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: lines.join("") });
    },
  };
}

function filesUnder(root: string, path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path)).flatMap((name) => filesUnder(root, `${path}/${name}`));
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
