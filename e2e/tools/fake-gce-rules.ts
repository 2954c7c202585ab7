// Turns off one rule of the stand-in of Compute Engine after the other and runs the adapter's acceptance tests on it: a
// rule that none of them misses proves nothing. `fake-gce-rules.ts [rule...]`; fails when one was not missed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, execPath, exit, stdout } from "node:process";
import { rules } from "../../sandbox/gce/rules.ts";

const root = new URL("../..", import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), "berth-fake-gce-"));
const report = join(directory, "report.json");
const vitest = [
  "node_modules/vitest/vitest.mjs",
  "run",
  "--project",
  "unit",
  "--reporter=json",
  `--outputFile=${report}`,
  "providers/gcp/acceptance",
];
const chosen = argv.length > 2 ? argv.slice(2) : rules.map(({ id }) => id);

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** The tests that fail without a rule. */
function missing(rule: string): readonly string[] {
  spawnSync(execPath, vitest, { cwd: root, env: { ...process.env, FAKE_GCE_OFF: rule } });
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "failed")
    .map(({ title }) => title);
}

if (missing("").length > 0) throw new Error("tests fail with all rules on");
const idle = chosen.filter((rule) => {
  const titles = missing(rule);
  stdout.write(`${rule}: ${titles.length > 0 ? `missed by ${titles.join("; ")}` : "not missed"}\n`);
  return titles.length === 0;
});
rmSync(directory, { recursive: true });
exit(idle.length === 0 ? 0 : 1);
