import { CommanderError } from "commander";
import { errorMessage, UsageError } from "../src/base/index.ts";

/** Runs a measurement as the command `name` until it ends or a signal ends it, and sets the exit code. */
export async function asCommand(
  name: string,
  run: (argv: readonly string[], signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  try {
    await run(process.argv.slice(2), stop.signal);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      process.stderr.write(`${name}: ${errorMessage(error)}\n`);
      process.exitCode = error instanceof UsageError ? 2 : 1;
    }
  }
}
