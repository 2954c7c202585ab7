/**
 * Hands out the numbers from 1 to `last`. A number that came back is given again as late as possible, so that nobody
 * takes a new pod for the old one that had its address.
 */
export class AddressNumbers {
  readonly #last: number;
  readonly #taken = new Set<number>();
  #latest = 0;

  constructor(last: number) {
    this.#last = last;
  }

  /** Undefined when all are taken. */
  take(): number | undefined {
    for (let step = 0; step < this.#last; step++) {
      const number = ((this.#latest + step) % this.#last) + 1;
      if (this.#taken.has(number)) continue;
      this.#taken.add(number);
      this.#latest = number;
      return number;
    }
    return undefined;
  }

  release(number: number): void {
    this.#taken.delete(number);
  }
}
