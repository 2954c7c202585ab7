/** Gives back the least of what was put in, in logarithmic time. */
export class MinHeap<T> {
  readonly #items: T[] = [];
  readonly #isLess: (a: T, b: T) => boolean;

  constructor(isLess: (a: T, b: T) => boolean) {
    this.#isLess = isLess;
  }

  get least(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    let at = this.#items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfLess(at, parent)) return;
      at = parent;
    }
  }

  pop(): T | undefined {
    const [least] = this.#items;
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return least;
    this.#items[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      if (left >= this.#items.length) return least;
      const child = right < this.#items.length && this.#less(right, left) ? right : left;
      if (!this.#swapIfLess(child, at)) return least;
      at = child;
    }
  }

  #less(a: number, b: number): boolean {
    return this.#isLess(this.#items[a] as T, this.#items[b] as T);
  }

  #swapIfLess(child: number, parent: number): boolean {
    if (!this.#less(child, parent)) return false;
    const item = this.#items[child] as T;
    this.#items[child] = this.#items[parent] as T;
    this.#items[parent] = item;
    return true;
  }
}
