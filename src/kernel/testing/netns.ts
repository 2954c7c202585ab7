import { dlopen } from "node:ffi";
import { closeSync, openSync } from "node:fs";
import { netnsPath } from "../index.ts";

/** CLONE_NEWNET */
const network = 0x40000000;

/** Runs something synchronous with this thread inside a network namespace that has a name. */
export function inNetns<T>(name: string, run: () => T): T {
  using library = dlopen(null, { setns: { arguments: ["i32", "i32"], return: "i32" } });
  const enter = (fd: number): void => {
    if (library.functions.setns(fd, network) !== 0) throw new Error(`network namespace not entered: ${name}`);
  };
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    const inside = openSync(netnsPath(name), "r");
    try {
      enter(inside);
    } finally {
      closeSync(inside);
    }
    try {
      return run();
    } finally {
      enter(home);
    }
  } finally {
    closeSync(home);
  }
}
