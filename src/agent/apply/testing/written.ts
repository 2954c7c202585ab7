import type { Written } from "../index.ts";

/** Of a call that read the kernel and found all there. */
export const nothingWritten: Written = {
  chains: [],
  removed: [],
  jumps: [],
  rules: new Map(),
  observed: true,
  unreadable: [],
  isolated: [],
  refusals: 0,
};
