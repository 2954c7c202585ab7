// `CHURN_MINUTES=10 node e2e/churn/main.ts`: the real kube-proxy and kubectl as clients of the sandbox's API server
// and, beside it, of the real one. Both see the same operations; after each round both kube-proxies must have the same
// rules and both servers the same objects.
import { errorMessage, FailureError } from "../../src/base/index.ts";
import { systemExec } from "../../src/kernel/index.ts";
import { kubeApiserver } from "../contract/kube-apiserver.ts";
import { numberFrom } from "../number-from.ts";
import { compareRound, type Pair } from "./compare.ts";
import { Disturbance, startAfresh } from "./disturbance.ts";
import { prepareCluster } from "./prepare.ts";
import { sandboxProcess } from "./sandbox-process.ts";
import { Side } from "./side.ts";

/** By then caches are warm and the history of the server holds something. */
const warmRounds = 10;
/** What a history of changes and a heap that is not collected yet may take: far less than keeping every change does. */
const bytesPerOperation = 64 * 1024;
const spareBytes = 128 * 1024 * 1024;

/** The part of rounds that the real server may disturb: more of them would hide something. */
const mostDisturbed = 0.05;

/** What a limit of the sandbox makes kube-proxy say: `serviceCidrs` in `../contract/limits.ts`. */
const knownComplaint = /failed to list \*vN\.ServiceCIDR: the server could not find the requested resource/;

async function run(signal: AbortSignal): Promise<string> {
  const minutes = numberFrom("CHURN_MINUTES", 10);
  const seed = numberFrom("CHURN_SEED", 1);
  const mostRounds = numberFrom("CHURN_ROUNDS", Number.POSITIVE_INFINITY);
  const exec = systemExec({ PATH: process.env["PATH"] });
  const options = { exec, prepare: prepareCluster(signal), signal };
  await using stack = new AsyncDisposableStack();
  const real = stack.use(await kubeApiserver.start());
  const ours = stack.use(await sandboxProcess.start());
  const pair: Pair = {
    real: stack.use(await Side.start("real", real, options)),
    sandbox: stack.use(await Side.start("sandbox", ours, options)),
  };

  let [rounds, operations, disturbances, warmBytes] = [0, 0, 0, 0];
  const end = performance.now() + minutes * 60_000;
  for (; rounds === 0 || (performance.now() < end && rounds < mostRounds); rounds += 1) {
    try {
      operations += await compareRound(pair, seed + rounds, signal);
    } catch (error) {
      if (!(error instanceof Disturbance)) throw error;
      disturbances += 1;
      process.stdout.write(`round ${rounds + 1}: the real server refused an address that it was repairing; afresh\n`);
      await startAfresh([pair.real, pair.sandbox]);
    }
    if (rounds === warmRounds) warmBytes = await ours.residentBytes();
    if (rounds % 10 === 9) process.stdout.write(`${rounds + 1} rounds, ${operations} operations, no difference\n`);
  }

  if (disturbances > rounds * mostDisturbed)
    throw new FailureError(`${disturbances} of ${rounds} rounds were disturbed; try again on an idle machine`);
  const known = pair.real.complaints();
  const foreign = [...pair.sandbox.complaints()].filter(
    (complaint) => !known.has(complaint) && !knownComplaint.test(complaint),
  );
  if (foreign.length > 0)
    throw new FailureError(`kube-proxy complains only beside the sandbox:\n${foreign.join("\n")}`);
  const bytes = await ours.residentBytes();
  const grown = warmBytes === 0 ? 0 : bytes - warmBytes;
  if (grown > spareBytes + operations * bytesPerOperation)
    throw new FailureError(`the sandbox's API server grew by ${megabytes(grown)} in ${operations} operations`);
  return `${rounds} rounds (${disturbances} disturbed), ${operations} operations, 0 differences; the sandbox's API server takes ${megabytes(bytes)}, ${megabytes(grown)} more than after ${warmRounds} rounds`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MB`;
}

const stop = new AbortController();
for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
  process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
try {
  process.stdout.write(`churn: ${await run(stop.signal)}\n`);
} catch (error) {
  process.stderr.write(`churn: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
