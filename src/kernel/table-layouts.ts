import type { Family } from "../net/index.ts";

/** How the rules of legacy tables lie in the kernel's memory. */
export interface TableLayouts extends Disposable {
  /**
   * Changes whenever a rule or chain is added or removed, and when one becomes longer or shorter; not with counters,
   * nor when a rule is replaced by one of the same length. Undefined where there is no such table or it may not be
   * asked for.
   */
  of(family: Family, table: string): string | undefined;
}

/** Of Linux on every processor that Node runs on. */
const dgram = 2;
const closeOnExec = 0o2000000;
/** IPT_SO_GET_INFO and IP6T_SO_GET_INFO. */
const getInfo = 64;
/** `struct ipt_getinfo`: the name, valid hooks, entry point and policy of each of 5 hooks, entries, bytes. */
const nameBytes = 32;
const infoBytes = nameBytes + 13 * 4;
const sockets = { IPv4: { domain: 2, level: 0 }, IPv6: { domain: 10, level: 41 } } as const;

/**
 * Asks the kernel in the network namespace of this thread (the sockets stay there). One answer takes 20 to 100
 * microseconds however many rules there are: iptables itself asks this first, to know how much it will have to read.
 * No program prints it. Throws when no socket can be had.
 */
export function openTableLayouts(): TableLayouts {
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
  return {
    of: (family, table) => {
      const info = Buffer.alloc(infoBytes);
      info.write(table);
      const length = Buffer.from(Uint32Array.of(infoBytes).buffer);
      const result = libc.getsockopt(opening[family], sockets[family].level, getInfo, info, length);
      return result === 0 ? info.toString("hex", nameBytes) : undefined;
    },
    [Symbol.dispose]: () => kept.dispose(),
  };
}
