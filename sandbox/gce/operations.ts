import { api, type Body } from "./body.ts";

/** What an operation ends with instead of what it was to do. */
export interface LateFailure {
  readonly code: string;
  readonly message: string;
  readonly status: number;
  readonly errorDetails?: readonly Body[];
}

export interface Begun {
  readonly type: string;
  /** The path of what is changed. */
  readonly target: string;
  readonly targetId: string;
  readonly requestId: string | undefined;
  /** After so many requests, whatever they ask for, it is done. */
  readonly steps: number;
  readonly commit: () => void;
  readonly failure: LateFailure | undefined;
}

type Running = Begun & { readonly operation: Body; left: number; endTime?: string };

/** Operations by their paths; they go on while requests come, so no test has to wait for a clock. */
export class Operations {
  readonly #all = new Map<string, Running>();
  readonly #byRequest = new Map<string | undefined, string>();
  readonly #now: () => string;
  #count = 0;

  constructor(now: () => string) {
    this.#now = now;
  }

  begin(begun: Begun): Body {
    const { type, target, targetId, requestId, steps } = begun;
    const scope = target.split("/").slice(0, -2).join("/");
    const place = /\/(region|zone)s\//.exec(scope)?.[1];
    const name = `operation-${++this.#count}`;
    const path = `${scope}/operations/${name}`;
    const operation = {
      kind: "compute#operation",
      id: String(1000 + this.#count),
      name,
      operationType: type,
      user: "controller@example.com",
      insertTime: this.#now(),
      startTime: this.#now(),
      targetId,
      targetLink: api + target,
      selfLink: api + path,
      ...(place !== undefined && { [place]: api + scope }),
      ...(requestId !== undefined && { clientOperationId: requestId }),
    };
    this.#all.set(path, { ...begun, operation, left: steps });
    if (requestId !== undefined) this.#byRequest.set(requestId, path);
    return this.get(path) ?? operation;
  }

  /** That of a request with this id, which is not to be done again. */
  ofRequest(requestId: string | undefined): Body | undefined {
    return this.get(this.#byRequest.get(requestId) ?? "");
  }

  get(path: string): Body | undefined {
    const running = this.#all.get(path);
    return running === undefined ? undefined : this.#settle(running);
  }

  /** A request came: everything that goes on comes a little further. */
  advance(): void {
    for (const running of this.#all.values()) {
      running.left = Math.max(running.left - 1, 0);
      this.#settle(running);
    }
  }

  /** None was ever begun. */
  clear(): void {
    for (const all of [this.#all, this.#byRequest]) all.clear();
  }

  /** What is over is not known any more. */
  expire(): void {
    for (const [path, { left }] of this.#all) if (left === 0) this.#all.delete(path);
  }

  /** How far it is; what is over takes effect. */
  #settle(running: Running): Body {
    const { operation, left, steps, commit, failure } = running;
    if (left > 0 && left === steps) return { ...operation, status: "PENDING", progress: 0 };
    if (left > 0) return { ...operation, status: "RUNNING", progress: 50 };
    if (running.endTime === undefined) {
      running.endTime = this.#now();
      commit();
    }
    const done = { ...operation, status: "DONE", progress: 100, endTime: running.endTime };
    if (failure === undefined) return done;
    const { status, ...error } = failure;
    const httpErrorMessage = status === 403 ? "FORBIDDEN" : "BAD REQUEST";
    return { ...done, error: { errors: [error] }, httpErrorStatusCode: status, httpErrorMessage };
  }
}
