import { MinHeap } from "./min-heap.ts";
import type { AddressRange } from "./range.ts";

/**
 * The lowest free address of a range, however large. Invariant: whatever is free below `#next` is in the heap, so that
 * nothing is looked at twice until it is given back; what is in the heap may have been taken since.
 */
export class FreeAddresses {
  readonly #range: AddressRange;
  readonly #isTaken: (value: bigint) => boolean;
  #next: bigint;
  readonly #returned = new MinHeap<bigint>((a, b) => a < b);
  readonly #inHeap = new Set<bigint>();

  constructor(range: AddressRange, isTaken: (value: bigint) => boolean) {
    this.#range = range;
    this.#isTaken = isTaken;
    this.#next = range.first;
  }

  /** Undefined: all are taken. */
  lowest(): bigint | undefined {
    for (let value = this.#returned.least; value !== undefined; value = this.#returned.least) {
      if (!this.#isTaken(value)) return value;
      this.#returned.pop();
      this.#inHeap.delete(value);
    }
    while (this.#next <= this.#range.last && this.#isTaken(this.#next)) this.#next++;
    return this.#next <= this.#range.last ? this.#next : undefined;
  }

  /** An address of the range that was taken is not any more. */
  giveBack(value: bigint): void {
    if (value >= this.#next || this.#inHeap.has(value)) return;
    this.#inHeap.add(value);
    this.#returned.push(value);
  }
}
