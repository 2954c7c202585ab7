// `DUEL_MINUTES=10 node e2e/duel/main.ts`: two controllers fight for one Lease, which whoever leads loses again and again
// in ways that the seed chooses, while Services come, change and go.
import { errorMessage, FailureError } from "../../src/base/index.ts";
import { numberFrom } from "../number-from.ts";
import { duel } from "./duel.ts";
import { lossKinds } from "./losses.ts";

const leaseArgs = [
  "--leader-elect-lease-duration=3s",
  "--leader-elect-renew-deadline=2s",
  "--leader-elect-retry-period=500ms",
];
/** Some losses end before the Lease does, some about when it does, some later. */
const shortestMs = 500;
const longestMs = 4500;

async function run(signal: AbortSignal): Promise<string> {
  const minutes = numberFrom("DUEL_MINUTES", 10);
  const seed = numberFrom("DUEL_SEED", Math.ceil(Math.random() * 1e6));
  process.stdout.write(`duel: DUEL_SEED=${seed}\n`);
  const end = performance.now() + minutes * 60_000;
  const { wrong, ...report } = await duel({
    seed,
    next(dice) {
      if (performance.now() >= end) return undefined;
      const kind = dice.pick(lossKinds);
      return dice.percent(50) ? { kind } : { kind, lastsMs: shortestMs + dice.below(longestMs - shortestMs) };
    },
    leaseArgs,
    signal,
    print: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  if (wrong.length > 0) throw new FailureError(`${wrong.length} violations:\n${wrong.join("\n")}`);
  const losses = Object.values(report.losses).reduce((sum, count) => sum + count, 0);
  const { requests, programs } = report.judged;
  return `${losses} losses of the Lease, ${requests} requests and ${programs} program calls judged, 0 violations`;
}

const stop = new AbortController();
for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
  process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
try {
  process.stdout.write(`duel: ${await run(stop.signal)}\n`);
} catch (error) {
  process.stderr.write(`duel: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
