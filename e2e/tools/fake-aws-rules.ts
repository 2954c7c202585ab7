// Turns off one rule of the stand-in for AWS after the other and runs the adapter's acceptance tests on it: a rule that
// none of them misses proves nothing. `fake-aws-rules.ts [rule...]`; fails when one was not missed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, execPath, exit, stdout } from "node:process";
import { rules } from "../../sandbox/aws/index.ts";

const root = new URL("../..", import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), "berth-fake-aws-"));
const report = join(directory, "report.json");
const vitest = [
  "node_modules/vitest/vitest.mjs",
  "run",
  "--project",
  "unit",
  "--reporter=json",
  `--outputFile=${report}`,
];
const acceptance = "providers/aws/acceptance";
/** Where tests are called as the rules that they need. */
const named = ["refusals", "lags", "mistakes"].map((name) => `${acceptance}/${name}.test.ts`);
const chosen = argv.length > 2 ? argv.slice(2) : Object.keys(rules);

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** The tests that fail without a rule. */
function missing(rule: string, args: readonly string[]): readonly string[] {
  spawnSync(execPath, [...vitest, ...args], { cwd: root, env: { ...process.env, FAKE_AWS_OFF: rule } });
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "failed")
    .map(({ title }) => title);
}

if (missing("", [acceptance]).length > 0) throw new Error("tests fail with all rules on");
const idle = chosen.filter((rule) => {
  const soon = missing(rule, ["-t", `^${rule}: `, ...named]);
  const titles = soon.length > 0 ? soon : missing(rule, [acceptance]);
  stdout.write(`${rule}: ${titles.length > 0 ? `missed by ${titles.join("; ")}` : "not missed"}\n`);
  return titles.length === 0;
});
rmSync(directory, { recursive: true });
exit(idle.length === 0 ? 0 : 1);
