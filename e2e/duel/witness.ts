import { onAbort } from "../../src/base/index.ts";
import { type ApiRequest, isRead } from "../tools/api-proxy.ts";
import { type Happening, judge, type Moment } from "./judge.ts";
import { Looks } from "./looks.ts";

/** Whether a request is about the Lease that is fought for. */
export function isAboutLease({ url }: Pick<ApiRequest, "url">): boolean {
  return /\/namespaces\/kube-system\/leases\b/.test(url);
}

/** Within how many ms it is known when requests arrived. */
export interface Blur {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds: number;
}

/** Sees what holders ask of the API server and what it answers. Events count as changes like all else. */
export class Witness implements Disposable {
  readonly #looks = new Looks();
  readonly #history: Happening[] = [];
  /** When the requests that are not answered yet arrived. */
  readonly #arrivals = new WeakMap<ApiRequest, Moment>();
  readonly #watchers = new Set<() => void>();
  /** Who took the Lease last, and how many changes it has asked for since somebody wants to know. */
  #leader: { readonly holder: string; changes: number } | undefined;

  /** What was seen so far; `programs` is what was begun beside the API. */
  verdict(programs: readonly Happening[]): { requests: number; blurMs: Blur; wrong: readonly string[] } {
    const requests = this.#history.flatMap((one) => (one.kind === "changed" ? one.at : []));
    const blurs = requests.map(({ from, to }) => Math.ceil(to - from)).toSorted((a, b) => a - b);
    const [median = 0, most = 0] = [0.5, 0.99].map((part) => blurs[Math.floor(blurs.length * part)]);
    const blurMs = { median, p99: most, max: blurs.at(-1) ?? 0 };
    return { requests: requests.length, blurMs, wrong: judge([...this.#history, ...programs]) };
  }

  arrived(holder: string, request: ApiRequest): void {
    const at = this.now();
    this.#arrivals.set(request, at);
    if (isRead(request) || isAboutLease(request)) return;
    this.#history.push({ kind: "changed", holder, at, what: `${request.method} ${request.url}` });
    if (this.#leader?.holder === holder) this.#leader.changes += 1;
    this.#notify();
  }

  answered(holder: string, request: ApiRequest, status: number): void {
    const sent = this.#arrivals.get(request);
    if (sent === undefined || isRead(request) || !isAboutLease(request) || status >= 300) return;
    const { spec } = JSON.parse(request.body) as { spec: LeaseSpec };
    if (spec.holderIdentity === "") this.#history.push({ kind: "released", holder, sent });
    else {
      const durationMs = spec.leaseDurationSeconds * 1000;
      this.#history.push({ kind: "claimed", holder, sent, answered: this.now(), durationMs });
      // A renewal does not say whose it is.
      if (spec.holderIdentity !== undefined) this.#leader = { holder, changes: 0 };
    }
    this.#notify();
  }

  /** Resolves when somebody else than `holder` has the Lease. */
  async taken(holder: string, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#leader?.holder !== holder, signal);
  }

  /** Resolves with whoever leads when it has asked for so many changes from now on. */
  async busyLeader(changes: number, signal: AbortSignal): Promise<string> {
    if (this.#leader !== undefined) this.#leader.changes = 0;
    await this.#until(() => (this.#leader?.changes ?? 0) >= changes, signal);
    return this.#leader?.holder ?? "";
  }

  now(): Moment {
    return this.#looks.now();
  }

  async #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (condition()) resolve();
    };
    this.#watchers.add(look);
    using _ = onAbort(signal, () => reject(signal.reason));
    try {
      look();
      await promise;
    } finally {
      this.#watchers.delete(look);
    }
  }

  #notify(): void {
    for (const look of this.#watchers) look();
  }

  [Symbol.dispose](): void {
    this.#looks[Symbol.dispose]();
  }
}
