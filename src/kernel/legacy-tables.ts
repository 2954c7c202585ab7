import { hash } from "node:crypto";
import type { Family } from "../net/index.ts";

/** What the kernel tells of the tables of iptables-legacy without a program. */
export interface LegacyTables extends Disposable {
  /**
   * How the rules lie in memory: changes whenever a rule or chain is added or removed, and when one becomes longer or
   * shorter; not with counters, nor when a rule is replaced by one of the same length. Takes 20 to 100 microseconds
   * however many rules there are. Undefined where there is no such table or it may not be asked for.
   */
  layout(family: Family, table: string): string | undefined;
  /**
   * A hash of all rules and policies without their counters: a third of what printing and reading them costs (1.1
   * microseconds a rule), but all in one go. Undefined as above, and where it would hold this thread up for too long.
   */
  contents(family: Family, table: string): string | undefined;
}

/** Of Linux on every processor that Node runs on. */
const dgram = 2;
const closeOnExec = 0o2000000;
/** IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES and their like of IPv6. */
const getInfo = 64;
const getEntries = 65;
/** `struct ipt_getinfo`: the name, valid hooks, entry point and policy of each of 5 hooks, entries, bytes. */
const nameBytes = 32;
const infoBytes = nameBytes + 13 * 4;
/** `struct ipt_get_entries`: the name, bytes, and the entries. */
const entriesAt = nameBytes + 8;
/** `struct ipt_entry` and `ip6t_entry`: where the 16 bits that lead to the next are, and the two counters of 64 bits. */
const sockets = {
  IPv4: { domain: 2, level: 0, next: 90, counters: 96 },
  IPv6: { domain: 10, level: 41, next: 142, counters: 152 },
} as const;
/** About 45,000 rules, and 50 ms. */
const maxContentsBytes = 16 * 2 ** 20;

/**
 * Asks the kernel in the network namespace of this thread (the sockets stay there), as iptables itself does. Throws
 * when no socket can be had.
 */
export function openLegacyTables(): LegacyTables {
  // Only who needs it loads it: Node warns of it on standard error.
  const ffi = process.getBuiltinModule("node:ffi");
  using opened = new DisposableStack();
  const { functions: libc } = opened.use(
    ffi.dlopen(null, {
      socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
      getsockopt: { arguments: ["i32", "i32", "i32", "buffer", "buffer"], return: "i32" },
      close: { arguments: ["i32"], return: "i32" },
    }),
  );
  const open = (family: Family): number => {
    const socket = libc.socket(sockets[family].domain, dgram | closeOnExec, 0);
    if (socket < 0) throw new Error(`no ${family} socket to ask the kernel for its tables with`);
    return opened.adopt(socket, (one) => void libc.close(one));
  };
  const opening = { IPv4: open("IPv4"), IPv6: open("IPv6") };
  const kept = opened.move();
  const ask = (family: Family, option: number, answer: Buffer): boolean => {
    const length = Buffer.from(Uint32Array.of(answer.length).buffer);
    return libc.getsockopt(opening[family], sockets[family].level, option, answer, length) === 0;
  };
  const info = (family: Family, table: string): Buffer | undefined => {
    const answer = Buffer.alloc(infoBytes);
    answer.write(table);
    return ask(family, getInfo, answer) ? answer : undefined;
  };
  return {
    layout: (family, table) => info(family, table)?.toString("hex", nameBytes),
    contents: (family, table) => {
      const layout = info(family, table);
      if (layout === undefined) return undefined;
      const bytes = new Uint32Array(layout.buffer, layout.byteOffset).at(-1) ?? 0;
      if (bytes > maxContentsBytes) return undefined;
      const memory = new ArrayBuffer(entriesAt + bytes);
      try {
        const entries = Buffer.from(memory);
        entries.write(table);
        new Uint32Array(memory)[nameBytes / 4] = bytes;
        if (!ask(family, getEntries, entries)) return undefined;
        clearCounters(memory, family);
        return `${layout.toString("hex", nameBytes)} ${hash("sha1", entries)}`;
      } finally {
        // Not left to the garbage collector, which so much would set in motion each time.
        memory.transfer(0);
      }
    },
    [Symbol.dispose]: () => kept.dispose(),
  };
}

function clearCounters(entries: ArrayBuffer, family: Family): void {
  const { next, counters } = sockets[family];
  const [shorts, longs] = [new Uint16Array(entries), new BigUint64Array(entries)];
  for (let at = entriesAt; at < entries.byteLength; at += shorts[(at + next) / 2] ?? entries.byteLength)
    longs.fill(0n, (at + counters) / 8, (at + counters) / 8 + 2);
}
