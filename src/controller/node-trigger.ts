import type { Node } from "../api/index.ts";
import type { Clock } from "../base/index.ts";
import type { Store } from "../kube/index.ts";
import { looksTheSame } from "../model/index.ts";

/** So long must the nodes be quiet, and so long at most does a change wait. */
const quietMs = 1000;
const maxWaitMs = 10_000;

/**
 * Calls `onChange` once for many changes of nodes that load balancers care about. A taint or a node that is not
 * Ready is none: its health check takes it out of use without cutting its connections (KEP-3836).
 */
export function watchNodeSet(nodes: Store<Node>, onChange: () => void, clock: Clock): Disposable {
  let timer: Disposable | undefined;
  let firstAt: number | undefined;

  function changed(): void {
    const now = clock.monotonic();
    firstAt ??= now;
    timer?.[Symbol.dispose]();
    timer = clock.schedule(
      () => {
        firstAt = undefined;
        onChange();
      },
      Math.min(quietMs, firstAt + maxWaitMs - now),
    );
  }

  const subscription = nodes.subscribe({
    add: (_, initial) => {
      if (!initial) changed();
    },
    update: (before, after) => {
      if (!looksTheSame(before, after)) changed();
    },
    delete: changed,
  });
  return {
    [Symbol.dispose]() {
      subscription[Symbol.dispose]();
      timer?.[Symbol.dispose]();
    },
  };
}
