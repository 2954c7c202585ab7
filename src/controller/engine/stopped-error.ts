/** Nothing may be written any more: the lease is lost, the process is ending, or the Service changed meanwhile. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}
