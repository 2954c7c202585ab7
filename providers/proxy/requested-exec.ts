import type { Exec } from "../../src/kernel/index.ts";
import type { RequestKind, Requests } from "../../src/provider/index.ts";

/** Runs each program as a request of this kind. */
export function requestedExec(exec: Exec, requests: Requests, kind: RequestKind): Exec {
  return {
    run: (program, args, options) =>
      requests.send(kind, [program, ...args].join(" "), options.signal, (signal) =>
        exec.run(program, args, { ...options, signal }),
      ),
  };
}
