// Runs every checker of the sources; prints what each found and fails when one did.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { lintConfig } from "./lint-config.ts";

const root = new URL("..", import.meta.url).pathname;
const bin = `${root}node_modules/.bin`;
// oxlint reads a configuration relative to its own folder, so it must stand at the root of the tree.
const config = `${root}.oxlintrc.generated.${process.pid}.json`;
writeFileSync(config, JSON.stringify(lintConfig(), undefined, 2));

const checks: readonly (readonly [string, readonly string[]])[] = [
  ["biome", ["check", "--error-on-warnings", "--log-level=warn", "."]],
  [
    "oxlint",
    [
      "--config",
      config,
      "--type-aware",
      "--deny-warnings",
      "src",
      "providers",
      "sandbox",
      "e2e",
      "bench",
      "hack",
      "images",
    ],
  ],
  ["knip", ["--no-progress"]],
];

const failed: string[] = [];
try {
  for (const [tool, args] of checks) {
    const { status } = spawnSync(`${bin}/${tool}`, args, { cwd: root, stdio: "inherit" });
    if (status !== 0) failed.push(tool);
  }
} finally {
  rmSync(config, { force: true });
}
if (failed.length > 0) {
  process.stderr.write(`lint: ${failed.join(", ")} found something; 'make format' mends the format\n`);
  process.exitCode = 1;
}
