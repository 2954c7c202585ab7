/** Nothing may be written any more: the lease is lost, or the process is ending. No failure of any Service. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}
