import type { Body } from "./world.ts";

/** What an operation ends with instead of what it was to do. */
export interface LateFailure {
  readonly code: string;
  readonly message: string;
  readonly status: number;
  readonly errorDetails?: readonly Body[];
}

interface Running {
  readonly operation: Body;
  /** After so many requests more, whatever they ask for, it is done. */
  left: number;
  readonly commit: () => void;
  readonly failure: LateFailure | undefined;
}

/** Operations by their paths; they go on while requests come, so no test has to wait for a clock. */
export class Operations {
  readonly #all = new Map<string, Running>();
  readonly #byRequest = new Map<string, string>();
  #count = 0;

  /** Begins one, or finds that of a request that was sent before. */
  begin(
    scope: string,
    change: Omit<Running, "operation"> & {
      readonly type: string;
      readonly target: string;
      readonly requestId: string | undefined;
    },
  ): Body {
    const { type, target, requestId, ...rest } = change;
    const path = `${scope}/operations/operation-${++this.#count}`;
    const link = "https://www.googleapis.com/compute/v1/";
    const operation = {
      kind: "compute#operation",
      id: String(1000 + this.#count),
      name: `operation-${this.#count}`,
      operationType: type,
      targetLink: link + target,
      selfLink: link + path,
      ...(requestId !== undefined && { clientOperationId: requestId }),
    };
    const running = { ...rest, operation };
    this.#all.set(path, running);
    if (requestId !== undefined) this.#byRequest.set(requestId, path);
    return settle(running);
  }

  /** That of a request with this id, which is not to be done again. */
  ofRequest(requestId: string): Body | undefined {
    const path = this.#byRequest.get(requestId);
    return path === undefined ? undefined : this.get(path);
  }

  get(path: string): Body | undefined {
    const running = this.#all.get(path);
    return running === undefined ? undefined : settle(running);
  }

  /** A request came: everything that goes on comes a little further. */
  advance(): void {
    for (const running of this.#all.values()) {
      if (running.left > 0) running.left--;
      settle(running);
    }
  }

  /** None was ever begun. */
  clear(): void {
    this.#all.clear();
    this.#byRequest.clear();
  }

  /** What is over is not known any more. */
  expire(): void {
    for (const [path, { left }] of this.#all) if (left <= 0) this.#all.delete(path);
  }
}

/** How far it is; what is over takes effect. */
function settle(running: Running): Body {
  const { operation, left, commit, failure } = running;
  if (left > 0) return { ...operation, status: "RUNNING", progress: 50 };
  if (left === 0) {
    running.left = -1;
    commit();
  }
  const done = { ...operation, status: "DONE", progress: 100 };
  if (failure === undefined) return done;
  const { status, ...error } = failure;
  return {
    ...done,
    error: { errors: [error] },
    httpErrorStatusCode: status,
    httpErrorMessage: status === 403 ? "FORBIDDEN" : "BAD REQUEST",
  };
}
