// Turns off one rule of the stand-in for AWS after the other and runs the adapter's acceptance tests on it: a rule that
// none of them misses proves nothing. `fake-aws-rules.ts [rule...]`; fails when one was not missed.
import { spawnSync } from "node:child_process";
import { argv, execPath, exit, stdout } from "node:process";
import { rules } from "../../sandbox/aws/index.ts";

const root = new URL("../..", import.meta.url).pathname;
const acceptance = "providers/aws/acceptance";
const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--bail", "1"];
/** Where most of them are missed, and soon. */
const first = ["refusals", "lags", "mistakes"].map((name) => `${acceptance}/${name}.test.ts`);
const chosen = argv.length > 2 ? argv.slice(2) : Object.keys(rules);

function passes(rule: string, tests: readonly string[]): boolean {
  const env = { ...process.env, FAKE_AWS_OFF: rule };
  return spawnSync(execPath, [...vitest, ...tests], { cwd: root, env }).status === 0;
}

if (!passes("", [acceptance])) throw new Error("tests fail with all rules on");
const idle = chosen.filter((rule) => {
  const isIdle = passes(rule, first) && passes(rule, [acceptance]);
  stdout.write(`${isIdle ? "not missed" : "missed"}: ${rule}\n`);
  return isIdle;
});
exit(idle.length === 0 ? 0 : 1);
