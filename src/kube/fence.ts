import { DecoratorHandler, type Dispatcher } from "undici";

/** Says why nothing may be written any more; undefined as long as it may. */
export type Fence = () => string | undefined;

/** A request that would have changed something was not sent, as its fence was down. */
export class FencedError extends Error {
  override readonly name = "FencedError";
}

/**
 * The dispatcher behind a fence that is asked when a connection is there and the first byte is about to be written:
 * a request may have waited for that, or the process may have stood still, for longer than its sender may write.
 */
export function fenced(dispatcher: Dispatcher, fence: Fence): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => dispatch(options, new FencedHandler(handler, fence)));
}

class FencedHandler extends DecoratorHandler {
  readonly #next: Dispatcher.DispatchHandler;
  readonly #fence: Fence;

  constructor(next: Dispatcher.DispatchHandler, fence: Fence) {
    super(next);
    this.#next = next;
    this.#fence = fence;
  }

  /** undici calls this right before it writes, and writes nothing when it throws. */
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    const why = this.#fence();
    if (why !== undefined) throw new FencedError(`not sent: ${why}`);
    this.#next.onRequestStart?.(controller, context);
  }
}
