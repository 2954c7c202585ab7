import type { Clock } from "../base/index.ts";

/** Asking the kernel takes well under a millisecond for a hundred interfaces: nothing, at this rate. */
const intervalMs = 2000;

/**
 * The addresses of the machine's own interfaces, looked at every two seconds until disposed: NodePorts and the guard
 * of frontends depend on them, and nobody else tells.
 */
export class AddressWatch implements Disposable {
  readonly #read: () => readonly string[];
  readonly #onChange: () => void;
  readonly #clock: Clock;
  #current: readonly string[];
  #timer: Disposable;

  constructor(read: () => readonly string[], onChange: () => void, clock: Clock) {
    this.#read = read;
    this.#onChange = onChange;
    this.#clock = clock;
    this.#current = read();
    this.#timer = clock.schedule(() => this.#look(), intervalMs);
  }

  get current(): readonly string[] {
    return this.#current;
  }

  #look(): void {
    this.#timer = this.#clock.schedule(() => this.#look(), intervalMs);
    const now = this.#read();
    if (now.join() === this.#current.join()) return;
    this.#current = now;
    this.#onChange();
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}
