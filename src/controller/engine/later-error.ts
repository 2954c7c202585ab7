/** A check that nothing hurries has its turn later: no worker waits for it, and it is no failure of the key. */
export class LaterError extends Error {
  override readonly name = "LaterError";
  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`it is looked at in ${Math.ceil(afterMs)} ms`);
    this.afterMs = afterMs;
  }
}
