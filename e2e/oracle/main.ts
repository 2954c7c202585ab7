// `node e2e/oracle/main.ts CASES [FILE]`: random clusters and packets, planned rules against the oracle of
// `src/agent/testing/oracle`. Where they differ, FILE gets the smallest case found: kept in `src/agent/testdata/oracle`,
// the unit tests ask it again every time.
import { writeFileSync } from "node:fs";
import { agree, agreeInRandomClusters, type Situation } from "../../src/agent/testing/oracle/agreement.ts";
import { formatSituation } from "../../src/agent/testing/oracle/situation.ts";

const [cases = "", file] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(cases)) throw new Error(`${JSON.stringify(cases)} is no number of cases`);
const begin = performance.now();
let failing: Situation | undefined;
try {
  const tally = await agreeInRandomClusters(Number(cases), (situation) => {
    failing = situation;
  });
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  process.stdout.write(`${cases} clusters agree, after ${seconds} s: ${JSON.stringify(tally)}\n`);
} catch (error) {
  if (failing === undefined) throw error;
  if (file !== undefined) writeFileSync(file, formatSituation(failing));
  const why = await agree(failing).catch((reason: unknown) => reason);
  process.stderr.write(`${formatSituation(failing)}${why instanceof Error ? why.message : String(why)}\n`);
  process.exitCode = 1;
}
