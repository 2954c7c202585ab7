// Whether the acceptance tests of aws-nlb miss each rule of the stand-in for AWS. `fake-aws-rules.ts [rule...]`; fails when
// one was not missed.
import { argv, exit } from "node:process";
import { rules } from "../../sandbox/aws/index.ts";
import { unmissedRules } from "./unmissed-rules.ts";

const acceptance = "providers/aws/acceptance";
/** Where tests are called as the rules that they need. */
const named = ["refusals", "lags", "mistakes"].map((name) => `${acceptance}/${name}.test.ts`);
const unmissed = unmissedRules({
  rules: argv.length > 2 ? argv.slice(2) : Object.keys(rules),
  variable: "FAKE_AWS_OFF",
  acceptance,
  first: (rule) => ["-t", `^${rule}: `, ...named],
});
exit(unmissed.length === 0 ? 0 : 1);
