import type { ApiRequest } from "../tools/api-proxy.ts";
import { isAboutLease } from "./witness.ts";

/**
 * What stands between one life of a controller and its API server. `leaseRefused`: connections break that ask about the
 * Lease; `leaseHeld`: what is asked of it arrives only when the gate opens again; `leaseUnanswered`: so do the answers;
 * `shut`: every connection breaks.
 */
export type GateState = "open" | "leaseRefused" | "leaseHeld" | "leaseUnanswered" | "shut";

export class Gate {
  #state: GateState = "open";
  #opened = Promise.withResolvers<void>();

  set(state: GateState): void {
    this.#state = state;
    if (state !== "open") return;
    this.#opened.resolve();
    this.#opened = Promise.withResolvers();
  }

  /** Resolves when the request may pass, with false when it may not. */
  async before(request: ApiRequest): Promise<boolean> {
    if (this.#state === "shut") return false;
    if (!isAboutLease(request)) return true;
    if (this.#state === "leaseHeld") await this.#opened.promise;
    return this.#state !== "leaseRefused";
  }

  async after(request: ApiRequest): Promise<void> {
    if (this.#state === "leaseUnanswered" && isAboutLease(request)) await this.#opened.promise;
  }
}
