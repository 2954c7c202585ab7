import { lastLines, type SandboxNode } from "../../sandbox/cluster/index.ts";
import { FailureError, orAborted, sleep, withTimeout } from "../../src/base/index.ts";
import { execOk } from "../../src/kernel/index.ts";
import type { EchoPod, EchoPods } from "../echo.ts";
import { instant } from "../instant.ts";
import type { Prober } from "../prober.ts";
import { type Usage, usageOf } from "../proc.ts";
import type { Contender } from "./contenders.ts";
import type { Life, Watched } from "./report.ts";
import { type Backend, backends, type Tools } from "./tools.ts";
import type { Workload } from "./workload.ts";

/** Where contenders are measured, one after the other. */
export interface Stage {
  readonly node: SandboxNode;
  readonly pods: EchoPods;
  readonly workload: Workload;
  readonly prober: Prober;
  readonly tools: Tools;
  readonly backend: Backend;
  /** How many changes each life sees alone, the system idle before each. */
  readonly changes: number;
  /** How long each life is watched under changes, and half as long at rest. */
  readonly watchMs: number;
}

/** What goes beyond a contender's own interval between writes, so that it writes a change when it comes. */
const idleMs = 200;
/** Under changes: from one to the next. */
const everyMs = 100;
/** Changes whose rules are weighed, for the mean. */
const weighed = 5;
/** Nothing happens any more when so little processor time was used in so long. */
const quiet = { windowMs: 1_000, cpuMs: 50 } as const;
/** Far beyond what anybody needs: reaching it means that the answer never comes. */
const patienceMs = 120_000;

/** One life of the contender, on a node without rules. */
export async function live(stage: Stage, contender: Contender, signal: AbortSignal): Promise<Life> {
  const { node, pods, workload, tools, backend } = stage;
  await tools.use(backend);
  await removeRules(node, signal);
  await workload.change(pods.first, signal);
  const measured = await measure(stage, contender, signal);
  return { ...measured, restoreMs: await restoreAgain(stage, signal) };
}

/** Starts the contender, watches it at rest and under changes, and ends it. */
async function measure(stage: Stage, contender: Contender, signal: AbortSignal): Promise<Omit<Life, "restoreMs">> {
  const { pods, watchMs } = stage;
  const begin = instant();
  await contender.program.start();
  try {
    const coldMs = (await answer(stage, contender, pods.first, signal)) - begin;
    const coldCpuMs = usage(contender).cpuMs;
    await untilQuiet(contender, signal);
    const rest = await watched(contender, () => sleep(watchMs / 2, signal));
    const changesMs = await changeAlone(stage, contender, signal);
    const load = await watched(contender, () => changeSteadily(stage, signal));
    return { coldMs, coldCpuMs, rest, changesMs, load, bytes: await weigh(stage, contender, signal) };
  } finally {
    await contender.program.stop();
  }
}

/** What the kernel and its tool alone take for the IPv4 rules that are there: nobody's cold start is shorter. */
async function restoreAgain({ node, backend }: Stage, signal: AbortSignal): Promise<number> {
  const rules = await execOk(node.exec, `iptables-${backend}-save`, [], { signal });
  await removeRules(node, signal);
  const begin = instant();
  await execOk(node.exec, `iptables-${backend}-restore`, [], { signal, stdin: rules });
  return instant() - begin;
}

/** From sending each change of the last Service's endpoints to the first answer of a new one. */
async function changeAlone(stage: Stage, contender: Contender, signal: AbortSignal): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < stage.changes * contender.share; i++) {
    await sleep(contender.minSyncMs + idleMs, signal);
    times.push(await change(stage, contender, i, signal));
  }
  return times;
}

async function change(stage: Stage, contender: Contender, n: number, signal: AbortSignal): Promise<number> {
  const { pods, workload } = stage;
  const next = n % 2 === 0 ? pods.second : pods.first;
  const answered = answer(stage, contender, next, signal);
  const sent = instant();
  const [at] = await Promise.all([answered, workload.change(next, signal)]);
  return at - sent;
}

/** Ten changes a second, each of another Service. */
async function changeSteadily({ workload, watchMs }: Stage, signal: AbortSignal): Promise<void> {
  const begin = instant();
  for (let n = 0; n * everyMs < watchMs; n++) {
    await workload.changeNext(n, signal);
    await sleep(Math.max(0, begin + (n + 1) * everyMs - instant()), signal);
  }
}

/** All Services as they were made again; then how many bytes the restores of one change take. */
async function weigh(stage: Stage, contender: Contender, signal: AbortSignal): Promise<number> {
  const { workload, tools, backend, watchMs } = stage;
  await workload.undo(watchMs / everyMs, signal);
  await workload.change(stage.pods.first, signal);
  await untilQuiet(contender, signal);
  await tools.count(backend);
  for (let i = 0; i < weighed; i++) {
    await change(stage, contender, i, signal);
    await untilQuiet(contender, signal);
  }
  return (await tools.counted()) / weighed;
}

async function watched(contender: Contender, during: () => Promise<void>): Promise<Watched> {
  const begin = instant();
  const before = usage(contender);
  await during();
  const after = usage(contender);
  return { cpuShare: (after.cpuMs - before.cpuMs) / (instant() - begin), residentBytes: after.residentBytes };
}

function usage({ name, program }: Contender): Usage {
  if (program.pid === undefined) throw new FailureError(`${name} ended while it was measured`);
  return usageOf(program.pid);
}

/** What follows a first write (the other family, what came meanwhile) is over. */
async function untilQuiet(contender: Contender, signal: AbortSignal): Promise<void> {
  const deadline = instant() + patienceMs;
  for (let before = usage(contender).cpuMs; ; ) {
    await sleep(quiet.windowMs, signal);
    const now = usage(contender).cpuMs;
    if (now - before <= quiet.cpuMs) return;
    if (instant() > deadline) throw new FailureError(`${contender.name} never comes to rest`);
    before = now;
  }
}

/** When one of the pods first answered through the last Service. */
async function answer(
  { prober, workload }: Stage,
  { name, program }: Contender,
  pods: readonly EchoPod[],
  signal: AbortSignal,
): Promise<number> {
  const { host, port } = workload.last;
  const names = pods.map((pod) => pod.name);
  using limit = withTimeout(signal, patienceMs, `${name} with ${workload.last.name}`);
  const ended = program.exited.then(async () => {
    throw new FailureError(`${name} ended while it was measured; it says: ${await lastLines(program.logPath)}`);
  });
  return await orAborted(Promise.race([prober.firstAnswer({ host, port, pods: names }), ended]), limit.signal);
}

/** As on a node where nobody ever served Services: no rule, no chain, no remembered flow, in either backend. */
export async function removeRules({ exec }: SandboxNode, signal: AbortSignal): Promise<void> {
  const empty = ["filter", "mangle", "nat"].map((table) => `*${table}\nCOMMIT\n`).join("");
  for (const backend of backends)
    for (const family of ["iptables", "ip6tables"])
      await execOk(exec, `${family}-${backend}-restore`, [], { signal, stdin: empty });
  await execOk(exec, "conntrack", ["-F"], { signal });
}
