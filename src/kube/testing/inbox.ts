/** Events for one reader. What came before the end is read before it; a failure comes before what is not read yet. */
export class Inbox<T> implements Disposable {
  readonly #events: T[] = [];
  readonly #owned = new DisposableStack();
  #ended = false;
  readonly #failure = new AbortController();
  #wake: () => void = () => {};
  /** Called with each event that the reader takes. */
  onRead: (event: T) => void = () => {};

  push(event: T): void {
    this.#events.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure.abort(error);
    this.#wake();
  }

  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** Disposes of it when the reader leaves; at once when it has left. */
  use(resource: Disposable): void {
    if (this.#owned.disposed) resource[Symbol.dispose]();
    else this.#owned.use(resource);
  }

  async *read(): AsyncGenerator<T, void, void> {
    for (;;) {
      this.failed.throwIfAborted();
      // What has come in one piece is read to its end, whatever happens meanwhile.
      const events = this.#events.splice(0);
      for (const event of events) {
        this.onRead(event);
        yield event;
      }
      if (events.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }
}
