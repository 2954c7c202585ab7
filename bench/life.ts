import { readFile } from "node:fs/promises";
import { lastLines, type SandboxNode } from "../sandbox/cluster/index.ts";

import { FailureError, orAborted, sleep, withTimeout } from "../src/base/index.ts";
import { execOk } from "../src/kernel/index.ts";
import type { Contender } from "./contenders.ts";
import type { EchoPod, EchoPods } from "./echo.ts";
import { instant } from "./instant.ts";
import type { Prober } from "./prober.ts";
import { parseCpuMs, parsePeakBytes } from "./proc.ts";
import type { Life } from "./report.ts";
import type { Workload } from "./workload.ts";

/** Where contenders are measured, one after the other. */
export interface Stage {
  readonly node: SandboxNode;
  readonly pods: EchoPods;
  readonly workload: Workload;
  readonly prober: Prober;
}

const changesPerLife = 7;
/** More than kube-proxy waits between two writes, so that it writes a change when it comes. */
const idleMs = 1_200;
/** What follows the first write (the other family, what came meanwhile) is over by then. */
const settleMs = 2_000;
/** Far beyond what anybody needs: reaching it means that the answer never comes. */
const patienceMs = 60_000;

/** One life of the contender, on a node without rules. */
export async function live(
  stage: Stage,
  contender: Contender,
  signal: AbortSignal,
): Promise<Omit<Life, "services" | "contender">> {
  const { node, pods, workload } = stage;
  await removeRules(node, signal);
  await workload.change(pods.first, signal);
  const measured = await measure(stage, contender, signal);
  return { ...measured, restoreMs: await restoreAgain(node, signal) };
}

/** Starts the contender, changes endpoints under it, and ends it. */
async function measure(
  stage: Stage,
  contender: Contender,
  signal: AbortSignal,
): Promise<Omit<Life, "services" | "contender" | "restoreMs">> {
  const { pods, workload } = stage;
  const { program } = contender;
  const begin = instant();
  await program.start();
  try {
    const coldMs = (await answer(stage, contender, pods.first, signal)) - begin;
    const coldCpuMs = await cpuMs(program.pid);
    await sleep(settleMs, signal);
    const changesMs: number[] = [];
    for (let i = 0; i < changesPerLife; i++) {
      await sleep(idleMs, signal);
      const next = i % 2 === 0 ? pods.second : pods.first;
      const answered = answer(stage, contender, next, signal);
      const sent = instant();
      const [at] = await Promise.all([answered, workload.change(next, signal)]);
      changesMs.push(at - sent);
    }
    return { coldMs, coldCpuMs, changesMs, peakBytes: await peakBytes(program.pid) };
  } finally {
    await program.stop();
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

/** As on a node where nobody ever served Services: no rule, no chain, no remembered flow. */
async function removeRules({ exec }: SandboxNode, signal: AbortSignal): Promise<void> {
  const empty = ["filter", "mangle", "nat"].map((table) => `*${table}\nCOMMIT\n`).join("");
  await execOk(exec, "iptables-restore", [], { signal, stdin: empty });
  await execOk(exec, "ip6tables-restore", [], { signal, stdin: empty });
  await execOk(exec, "conntrack", ["-F"], { signal });
}

/** How long the kernel and its tool alone take for the IPv4 rules that are there: nobody's cold start is shorter. */
async function restoreAgain(node: SandboxNode, signal: AbortSignal): Promise<number> {
  const rules = await execOk(node.exec, "iptables-save", [], { signal });
  await removeRules(node, signal);
  const begin = instant();
  await execOk(node.exec, "iptables-restore", [], { signal, stdin: rules });
  return instant() - begin;
}

/** The processor time of a process and of those that it has started and waited for. */
async function cpuMs(pid: number | undefined): Promise<number> {
  return parseCpuMs(await readFile(`/proc/${pid}/stat`, "utf8"));
}

async function peakBytes(pid: number | undefined): Promise<number> {
  return parsePeakBytes(await readFile(`/proc/${pid}/status`, "utf8"));
}
