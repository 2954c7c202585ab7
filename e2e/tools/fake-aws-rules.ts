// Turns off one rule of the fake AWS after the other and runs the adapter's tests on it: a rule that none of them misses
// proves nothing. `fake-aws-rules.ts [rule...]`; fails when one was not missed.
import { spawnSync } from "node:child_process";
import { argv, execPath, exit, stdout } from "node:process";
import { rules } from "../../sandbox/aws/index.ts";

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
const chosen = argv.length > 2 ? argv.slice(2) : Object.keys(rules);

const idle = chosen.filter((rule) => {
  const { status } = spawnSync(execPath, vitest, { cwd: root, env: { ...process.env, FAKE_AWS_OFF: rule } });
  stdout.write(`${status === 0 ? "not missed" : "missed"}: ${rule}\n`);
  return status === 0;
});
exit(idle.length === 0 ? 0 : 1);
