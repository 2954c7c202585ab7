import { readFile, writeFile } from "node:fs/promises";
import { orAborted, withTimeout } from "../../src/base/index.ts";
import { Dialogue } from "../dialogue.ts";
import { instant } from "../instant.ts";
import { parseCpuMs, parsePeakBytes, parseResidentBytes } from "../proc.ts";
import type { LongestBlocks } from "./block-probe.ts";
import type { Contender } from "./contenders.ts";
import type { Answer, Command } from "./observer.ts";
import type { Workload } from "./workload.ts";

/** What one life of a contender showed. */
export interface Life {
  readonly contender: string;
  /** From the start of its process until it is ready to begin. */
  readonly startMs: number;
  /** From then until its handler has seen the last object. */
  readonly syncMs: number;
  readonly syncCpuMs: number;
  readonly idleBytes: number;
  /** The most memory that it held while it synced. */
  readonly syncPeakBytes: number;
  /** After the sync and a collection of garbage. */
  readonly heldBytes: number;
  readonly syncBlocks: LongestBlocks | undefined;
  /** From the first of many writes until its handler has seen the last. */
  readonly changesMs: number;
  readonly changesCpuMs: number;
  readonly changes: number;
  readonly lagsMs: readonly number[];
  readonly changesBlocks: LongestBlocks | undefined;
  /** Undefined where the server cannot forget. */
  readonly relist: Relist | undefined;
}

/** What happened when it had to read everything anew and nothing had changed. */
export interface Relist {
  /** Calls of its update handler. */
  readonly updates: number;
  /** Next to nothing would mean that it did not read anew. */
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly blocks: LongestBlocks | undefined;
}

/** Where contenders are measured, one after the other. */
export interface Stage {
  readonly workload: Workload;
  /** How many objects there are. */
  readonly objects: number;
  readonly changes: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Makes the API server forget the past and break every connection. */
  readonly restart: (() => Promise<void>) | undefined;
}

/** Far beyond what anybody needs: reaching it means that the answer never comes. */
const patienceMs = 120_000;

export async function live(stage: Stage, contender: Contender, signal: AbortSignal): Promise<Life> {
  const { workload, objects, changes, environment, restart } = stage;
  const begin = instant();
  await using process = new Dialogue(contender.name, contender.command, environment);
  const { pid } = process;
  async function within<T>(promise: Promise<T>): Promise<T> {
    using limit = withTimeout(signal, patienceMs, contender.name);
    return await orAborted(promise, limit.signal);
  }
  const ask = async (command: Command, count = 0): Promise<Answer> =>
    JSON.parse(await within(process.ask(`${command} ${count}`))) as Answer;

  await within(process.nextLine());
  const startMs = instant() - begin;
  await ask("collect");
  const idleBytes = await residentBytes(pid);

  await resetPeak(pid);
  const idleCpuMs = await cpuMs(pid);
  const syncAt = instant();
  const synced = await ask("sync", objects);
  const syncCpuMs = (await cpuMs(pid)) - idleCpuMs;
  const syncPeakBytes = await peakBytes(pid);
  await ask("collect");
  const heldBytes = await residentBytes(pid);

  const quietCpuMs = await cpuMs(pid);
  const seen = ask("changes", changes);
  const [sentAt, changed] = await Promise.all([workload.change(changes, signal), seen]);
  const changesCpuMs = (await cpuMs(pid)) - quietCpuMs;

  return {
    contender: contender.name,
    startMs,
    syncMs: synced.at - syncAt,
    syncCpuMs,
    idleBytes,
    syncPeakBytes,
    heldBytes,
    syncBlocks: synced.blocks,
    changesMs: changed.at - sentAt,
    changesCpuMs,
    changes,
    lagsMs: changed.lagsMs,
    changesBlocks: changed.blocks,
    relist: restart === undefined ? undefined : await relist(restart),
  };

  async function relist(restart: () => Promise<void>): Promise<Relist> {
    await ask("collect");
    await resetPeak(pid);
    const begin = await cpuMs(pid);
    async function forget(): Promise<void> {
      // So that its version is older than the one with which the server begins anew.
      await workload.writeOther(signal);
      await restart();
      // One object that comes and goes tells that it has caught up: what came before has all been handled by then.
      await workload.addOne(signal);
    }
    const [came] = await Promise.all([ask("objects", objects + 1), forget()]);
    await workload.removeOne(signal);
    const went = await ask("objects", objects);
    return {
      updates: came.updates + went.updates,
      cpuMs: (await cpuMs(pid)) - begin,
      peakBytes: await peakBytes(pid),
      blocks: came.blocks,
    };
  }
}

async function residentBytes(pid: number | undefined): Promise<number> {
  return parseResidentBytes(await readFile(`/proc/${pid}/status`, "utf8"));
}

async function peakBytes(pid: number | undefined): Promise<number> {
  return parsePeakBytes(await readFile(`/proc/${pid}/status`, "utf8"));
}

/** The peak counts from now on (proc(5)). */
async function resetPeak(pid: number | undefined): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}

async function cpuMs(pid: number | undefined): Promise<number> {
  return parseCpuMs(await readFile(`/proc/${pid}/stat`, "utf8"));
}
