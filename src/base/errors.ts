/** The command line, a file or a flag is wrong: exit code 2. The message names the field and the remedy. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command could not do its work: exit code 1. The message names the cause and the remedy. */
export class FailureError extends Error {
  override readonly name = "FailureError";
}

/** What went wrong first: an error thrown while things were disposed hides the one that made them be disposed. */
export function rootError(error: unknown): unknown {
  return error instanceof SuppressedError ? rootError(error.suppressed) : error;
}

/** One line for people: the message and the messages of its causes, without a stack. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof SuppressedError) return errorMessage(rootError(error));
  const inner =
    error instanceof AggregateError && error.message === "" ? error.errors.map(errorMessage).join("; ") : error.message;
  if (error.cause === undefined || error.cause === null) return inner;
  const cause = errorMessage(error.cause);
  return oneLine(inner).includes(oneLine(cause)) ? inner : `${inner}: ${cause}`;
}

/** Other people's messages hold line breaks: OpenSSL's, a program's on standard error, a page. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** Whether the error only says that the caller's signal was aborted. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}
