// Whether the acceptance tests of gcp-l4 miss each rule of the stand-in of Compute Engine. `fake-gce-rules.ts [rule...]`;
// fails when one was not missed.
import { argv, exit } from "node:process";
import { rules } from "../../sandbox/gce/rules.ts";
import { unmissedRules } from "./unmissed-rules.ts";

const acceptance = "providers/gcp/acceptance";
/** Where most rules are met on purpose. */
const met = ["refusals", "instance-groups"].map((name) => `${acceptance}/${name}.test.ts`);
const unmissed = unmissedRules({
  rules: argv.length > 2 ? argv.slice(2) : rules.map(({ id }) => id),
  variable: "FAKE_GCE_OFF",
  acceptance,
  first: () => met,
});
exit(unmissed.length === 0 ? 0 : 1);
