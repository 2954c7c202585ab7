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
];
const acceptance = "providers/gcp/acceptance";
/** Where most rules are met on purpose; the whole is asked only about what nobody misses there. */
const first = ["refusals", "instance-groups"].map((name) => `${acceptance}/${name}.test.ts`);
const chosen = argv.length > 2 ? argv.slice(2) : rules.map(({ id }) => id);

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** Those of the tests that fail without a rule. */
function missing(rule: string, ...tests: readonly string[]): readonly string[] {
  spawnSync(execPath, [...vitest, ...tests], { cwd: root, env: { ...process.env, FAKE_GCE_OFF: rule } });
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "failed")
    .map(({ title }) => title);
}

if (missing("", acceptance).length > 0) throw new Error("tests fail with all rules on");
const idle = chosen.filter((rule) => {
  const met = missing(rule, ...first);
  const titles = met.length > 0 ? met : missing(rule, acceptance);
  stdout.write(`${rule}: ${titles.length > 0 ? `missed by ${titles.join("; ")}` : "not missed"}\n`);
  return titles.length === 0;
});
rmSync(directory, { recursive: true });
exit(idle.length === 0 ? 0 : 1);
