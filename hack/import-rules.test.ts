import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize, relative } from "node:path";
import { expect, it } from "vitest";
import {
  forbiddenInProcess,
  impureModules,
  layerOf,
  lazyPackages,
  mayImport,
  pure,
  throughIndex,
} from "./import-rules.ts";
import { lintConfig } from "./lint-config.ts";

const root = new URL("..", import.meta.url).pathname;

interface Import {
  /** A path from the root of the tree, or a package or Node module name. */
  readonly to: string;
  readonly lazy: boolean;
  readonly typeOnly: boolean;
}

function importsOf(path: string): Import[] {
  const text = readFileSync(join(root, path), "utf8");
  const found: Import[] = [];
  const statement =
    /^(?:import|export)\s+(type\s)?[^;"']*?from\s+"([^"]+)"|^import\s+()"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
  for (const [, type, from, , bare, lazy] of text.matchAll(statement)) {
    const target = from ?? bare ?? lazy ?? "";
    const to = target.startsWith(".") ? normalize(join(dirname(path), target)) : target;
    found.push({ to, lazy: lazy !== undefined, typeOnly: type !== undefined });
  }
  return found;
}

const sources = globSync("{src,providers,sandbox,e2e,bench,hack,images}/**/*.ts", { cwd: root });
const shipped = sources.filter((path) => !path.endsWith(".test.ts") && !path.includes("/testing/"));

it("every import goes down the layers and through the folder's index", () => {
  const wrong = shipped.flatMap((from) =>
    importsOf(from)
      .filter(({ to }) => !mayImport(from, to) || (layerOf(from)?.folder.startsWith("src/") && !throughIndex(from, to)))
      .map(({ to }) => `${from} -> ${to}`),
  );
  expect(wrong).toEqual([]);
});

it("a layer within another is open to those who name it", () => {
  const schemas = "src/api/schemas/index.ts";
  const importers = ["src/agent/a.ts", "src/model/a.ts", "src/api/a.ts", "src/controller/a.ts", "src/cli/a.ts"];
  expect(importers.filter((from) => mayImport(from, schemas))).toEqual(["src/controller/a.ts", "src/cli/a.ts"]);
  expect(mayImport(schemas, "src/api/index.ts")).toBe(true);
});

it("what decides does no I/O", () => {
  const wrong = shipped
    .filter((path) => pure.some((place) => path === place || path.startsWith(`${place}/`)))
    .flatMap((from) =>
      importsOf(from)
        .filter(({ to, typeOnly }) => !typeOnly && impureModules.includes(to))
        .map(({ to }) => `${from} -> ${to}`),
    );
  expect(wrong).toEqual([]);
});

it("heavy packages are loaded only when they are needed", () => {
  const wrong = shipped.flatMap((from) =>
    importsOf(from)
      .filter(({ to, lazy, typeOnly }) => !lazy && !typeOnly && lazyPackages.some((name) => to.startsWith(name)))
      .map(({ to }) => `${from} -> ${to}`),
  );
  expect(wrong).toEqual([]);
});

it.each(Object.entries(forbiddenInProcess))("%s loads nothing that is not its business", (entry, forbidden) => {
  const seen = new Set<string>();
  const wrong: string[] = [];
  const queue: { path: string; via: string }[] = [{ path: entry, via: "" }];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { path, via } = next;
    if (seen.has(path)) continue;
    seen.add(path);
    if (forbidden.some((place) => path === place || path.startsWith(`${place}/`))) wrong.push(`${via} -> ${path}`);
    if (!path.endsWith(".ts")) continue;
    for (const { to, lazy, typeOnly } of importsOf(path)) {
      if (!typeOnly && !lazy) queue.push({ path: to, via: path });
    }
  }
  expect(wrong).toEqual([]);
});

it("the table names every folder that has sources", () => {
  const missing = shipped.filter((path) => layerOf(path) === undefined);
  expect(missing).toEqual([]);
});

it("the linter refuses what the table refuses", () => {
  const tree = mkdtempSync(join(tmpdir(), "berth-lint-"));
  try {
    const planted: Record<string, string> = {
      "src/model/upwards.ts": 'export { x } from "../kube/index.ts";\n',
      "src/model/types-too.ts": 'import type { X } from "../agent/index.ts";\nexport type Y = X;\n',
      "src/model/io.ts": 'export { readFile } from "node:fs/promises";\n',
      "src/model/zod.ts": 'export { x } from "../api/schemas/index.ts";\n',
      "src/agent/sideways.ts": 'export { x } from "../controller/index.ts";\n',
      "providers/proxy/kube.ts": 'export { x } from "../../src/kube/index.ts";\n',
      "src/controller/fine.ts": 'export { x } from "../kube/index.ts";\n',
      "src/controller/schemas/fine.ts": 'export { x } from "../../api/schemas/index.ts";\n',
      "providers/proxy/fine.ts": 'export { x } from "../../src/balancer/config.ts";\n',
    };
    for (const [path, text] of Object.entries(planted)) {
      mkdirSync(join(tree, dirname(path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    // Type-aware rules need a project; the import rules do not.
    const config = { ...lintConfig(), options: {}, plugins: [], categories: {} };
    writeFileSync(join(tree, "oxlint.json"), JSON.stringify(config));
    const { stdout } = spawnSync(
      join(root, "node_modules/.bin/oxlint"),
      ["--config", "oxlint.json", "--format", "json", "src", "providers"],
      { cwd: tree, encoding: "utf8" },
    );
    const report = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
    const refused = report.diagnostics.filter(({ code }) => code.includes("no-restricted-imports"));
    expect(refused.map(({ filename }) => relative(tree, join(tree, filename))).toSorted()).toEqual(
      Object.keys(planted)
        .filter((path) => !path.endsWith("fine.ts"))
        .toSorted(),
    );
  } finally {
    rmSync(tree, { recursive: true });
  }
});
