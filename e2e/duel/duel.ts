// Two real controllers with provider `proxy` over one cluster of sandbox namespaces. Services come and go all the time,
// and whoever leads loses its Lease, again and again.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { errorMessage, onAbort, sleep } from "../../src/base/index.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics, nullLogger } from "../../src/telemetry/index.ts";
import { Dice } from "../churn/dice.ts";
import { eventually, patienceMs, startCluster } from "../scenarios/cluster.ts";
import { ProviderPrograms } from "../tools/provider-programs.ts";
import { type LossKind, lose } from "./losses.ts";
import { Rival } from "./rival.ts";
import { Services } from "./services.ts";
import { type Blur, Witness } from "./witness.ts";

export interface DuelOptions {
  /** Of all choices. */
  readonly seed: number;
  /** What happens to the leader number `index`, and for how long: until somebody else leads when it does not say. */
  readonly next: (dice: Dice, index: number) => { readonly kind: LossKind; readonly lastsMs?: number } | undefined;
  readonly leaseArgs: readonly string[];
  readonly signal: AbortSignal;
  readonly print?: (line: string) => void;
}

export interface DuelReport {
  readonly losses: Readonly<Partial<Record<LossKind, number>>>;
  /** How often a controller was started. */
  readonly lives: number;
  readonly services: Services["made"];
  /** Changes of the API and of the machine that were judged. */
  readonly judged: { readonly requests: number; readonly programs: number };
  readonly blurMs: Blur;
  /** Services that were there at the end, each as it should be and nothing beside them. */
  readonly settled: number;
  /** What was changed without the Lease, and what is not as it should be at the end. */
  readonly wrong: readonly string[];
}

/** A leader is at work when it has asked for some changes; it is met after at most so many. */
const mostChanges = 12;
const paceMs = 150;
/** Of the log of each controller, when the end is not as it should be. */
const toldLines = 40;

/** Runs a duel until `next` has no more to say, and looks at what there is at its end. */
export async function duel(options: DuelOptions): Promise<DuelReport> {
  const { seed, next, leaseArgs, signal, print = () => {} } = options;
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-duel-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const witness = stack.use(new Witness());
  const corners = ["a", "b"].map((name) => {
    const programs = new ProviderPrograms(join(directory, name));
    const kubeconfig = join(directory, `${name}.kubeconfig`);
    return { name, programs, kubeconfig, args: [`--kubeconfig=${kubeconfig}`, ...leaseArgs], path: programs.path };
  });
  const sandbox = stack.use(await startArena(corners, signal));
  const rivals = corners.map((corner, i) => {
    const program = [sandbox.controller, ...sandbox.rivals][i] ?? sandbox.controller;
    return stack.use(new Rival({ ...corner, sandbox, program, witness }));
  });
  const client = stack.use(
    new KubeClient({ connection: await loadKubeconfig(sandbox.kubeconfig), metrics: createMetrics() }),
  );
  const services = new Services(client, new Dice(seed));
  const ending = new AbortController();
  stack.defer(() => ending.abort(new Error("the duel is over")));
  using _ = onAbort(signal, () => ending.abort(signal.reason));

  const living = Promise.all(rivals.map((rival) => rival.run(ending.signal)));
  const losses = await Promise.race([whileDisturbed(services, ending.signal, fight), never(living)]);
  const leftovers: string[] = [];
  const settled = await settle();
  await services.deleteAll(signal);
  await settle();
  const programs = rivals.flatMap((rival) => rival.changes());
  const { requests, blurMs, wrong } = witness.verdict(programs);
  const lives = rivals.reduce((sum, rival) => sum + rival.lives.length, 0);
  const judged = { requests, programs: programs.length };
  return { losses, lives, services: services.made, judged, blurMs, settled, wrong: [...wrong, ...leftovers] };

  async function settle(): Promise<number> {
    try {
      return await eventually(() => services.expectSettled(sandbox, signal));
    } catch (error) {
      for (const program of [sandbox.controller, ...sandbox.rivals]) print(lastPart(await sandbox.logs(program)));
      leftovers.push(`at the end: ${errorMessage(error)}`);
      return 0;
    }
  }

  async function fight(): Promise<DuelReport["losses"]> {
    const dice = new Dice(seed + 1);
    const counts: Partial<Record<LossKind, number>> = {};
    for (let i = 0; ; i++) {
      const limit = AbortSignal.any([ending.signal, AbortSignal.timeout(patienceMs)]);
      const holder = await witness.busyLeader(1 + dice.below(mostChanges), limit);
      const loss = next(dice, i);
      const life = rivals.flatMap((rival) => rival.lives).find((one) => one.holder === holder);
      if (loss === undefined || life === undefined) return counts;
      const { kind, lastsMs } = loss;
      print(`${kind} for ${lastsMs === undefined ? "as long as it takes" : `${lastsMs} ms`}: ${holder}`);
      const lasts = (): Promise<void> =>
        lastsMs === undefined
          ? witness.taken(holder, AbortSignal.any([ending.signal, AbortSignal.timeout(patienceMs)]))
          : sleep(lastsMs, ending.signal);
      await lose(kind, life, lasts, ending.signal);
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }
}

function lastPart(log: string): string {
  return log.trimEnd().split("\n").slice(-toldLines).join("\n");
}

type Corner = { readonly args: readonly string[]; readonly path: string };

/** A cluster whose controllers do not run yet, the first of them that of the sandbox itself. */
function startArena([first, ...others]: readonly Corner[], signal: AbortSignal): Promise<Sandbox> {
  return startCluster({
    nodes: 1,
    components: { agents: false, controller: false },
    controllerArgs: first?.args ?? [],
    controllerPath: first?.path ?? "",
    rivals: others,
    // That controllers end by themselves is what this is about.
    logger: nullLogger,
    signal,
  });
}

/** Does something to the Services, one thing after the other, for as long as `work` takes. */
async function whileDisturbed<T>(services: Services, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  async function disturb(): Promise<void> {
    while (!over.signal.aborted) {
      await services.disturb(signal);
      await sleep(paceMs, signal);
    }
  }
  const worked = work().finally(() => over.abort());
  const [result] = await Promise.all([worked, disturb()]);
  return result;
}

/** Never resolves; rejects as the promise does. */
async function never(promise: Promise<unknown>): Promise<never> {
  await promise;
  return await new Promise(() => {});
}
