// Turns off one rule of the stand-in for AWS after the other and runs the adapter's tests on it: each rule must be missed
// by one of them, but for those that the adapter never gets to feel, as it does what is right anyway; their own tests
// show that they hold, and that they make nothing of what the adapter does wrong. `fake-aws-rules.ts [rule...]`
import { spawnSync } from "node:child_process";
import { argv, execPath, exit, stdout } from "node:process";
import { type RuleId, rules } from "../../sandbox/aws/index.ts";

const root = new URL("../..", import.meta.url).pathname;
const vitest = [
  "node_modules/vitest/vitest.mjs",
  "run",
  "--project",
  "unit",
  "--bail",
  "1",
  "providers/aws/acceptance",
];
/** It keeps to them by itself, whatever happens there; without them the world is only easier. */
const neverFelt: readonly RuleId[] = [
  "batch-of-20",
  "same-again-is-the-same",
  "one-subnet-per-zone",
  "groups-for-ever",
  "protocols-fit",
  "draining",
  "unused-unchecked",
  "shown-later",
  "tags-listed-later",
];
const chosen = argv.length > 2 ? argv.slice(2) : Object.keys(rules);

const wrong = chosen.filter((rule) => {
  const { status } = spawnSync(execPath, vitest, { cwd: root, env: { ...process.env, FAKE_AWS_OFF: rule } });
  const isMissed = status !== 0;
  stdout.write(`${isMissed ? "missed" : "not missed"}: ${rule}\n`);
  return isMissed === neverFelt.some((one) => one === rule);
});
exit(wrong.length === 0 ? 0 : 1);
