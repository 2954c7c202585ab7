// The half of a contender that is the same for all that run on Node: takes commands as lines, counts what its
// informer's handlers are told, and says how it went. client-go/main.go does the same in Go.
import { createInterface } from "node:readline";
import { instant } from "../instant.ts";
import { BlockProbe, type LongestBlocks } from "./block-probe.ts";

/** Where a writer leaves the instant at which it sent its change. */
export const sentAnnotation = "bench.berth.dev/sent";

export type Command =
  /** Start the informer; answer when so many objects are there. */
  | "sync"
  /** Answer when so many updates came since the last answer. */
  | "changes"
  /** Answer when so many objects are there. */
  | "objects"
  /** Collect garbage and answer. */
  | "collect";

/** Since the last answer. */
export interface Answer {
  /** When the last event came. */
  readonly at: number;
  readonly objects: number;
  /** Calls of the update handler. */
  readonly updates: number;
  /** From sending a change to its handler, for each. */
  readonly lagsMs: readonly number[];
  /** Only who has an event loop has these. */
  readonly blocks?: LongestBlocks;
}

interface Observed {
  readonly metadata?: { readonly annotations?: { readonly [name: string]: string } };
}

export interface Observer {
  readonly added: () => void;
  readonly updated: (object: Observed) => void;
  readonly deleted: () => void;
}

/** Serves commands until the input ends. */
export async function observe(start: (observer: Observer) => void): Promise<void> {
  let objects = 0;
  let updates = 0;
  let lagsMs: number[] = [];
  let at = 0;
  let check = (): void => {};
  const observer: Observer = {
    added() {
      objects += 1;
      at = instant();
      check();
    },
    updated({ metadata }) {
      updates += 1;
      at = instant();
      const sent = metadata?.annotations?.[sentAnnotation];
      if (sent !== undefined) lagsMs.push(at - Number(sent));
      check();
    },
    deleted() {
      objects -= 1;
      at = instant();
      check();
    },
  };

  function until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    check = () => {
      if (condition()) resolve();
    };
    check();
    return promise;
  }

  const commands: Readonly<Record<Command, (count: number) => Promise<void> | void>> = {
    sync(count) {
      const synced = until(() => objects === count);
      start(observer);
      return synced;
    },
    changes: (count) => until(() => updates >= count),
    objects: (count) => until(() => objects === count),
    collect: () => globalThis.gc?.(),
  };

  process.stdout.write("{}\n");
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.split(" ") as [Command, string?];
    // All but the sync last for seconds with little to do, so that looking often would be what costs most.
    using probe = new BlockProbe(command === "sync" ? 2 : 10);
    await commands[command](Number(count));
    const answer: Answer = { at, objects, updates, lagsMs, blocks: probe.longest };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    updates = 0;
    lagsMs = [];
  }
  process.exit();
}
