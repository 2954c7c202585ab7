import { errorMessage, FailureError } from "../../../../src/base/index.ts";
import { type Exec, ProgramMissingError } from "../../../../src/kernel/index.ts";
import { ContainerCli, remedyOf } from "./cli.ts";
import type { ContainerSettings } from "./settings.ts";

/** Throws `FailureError` that says what lacks and what to do. */
export async function checkContainers(exec: Exec, settings: ContainerSettings): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  const cli = new ContainerCli(settings, exec, exec);
  try {
    await cli.network(signal);
    await cli.image(signal);
  } catch (error) {
    if (error instanceof ProgramMissingError)
      throw new FailureError(
        `--proxy-engine: program ${settings.program} not found; install it, or give another engine`,
      );
    if (signal.aborted)
      throw new FailureError(`--proxy-engine: ${settings.program} gave no answer within 10 s; start it again`);
    const remedy = remedyOf(error);
    throw new FailureError(`--proxy-engine: ${errorMessage(error)}${remedy === undefined ? "" : `; ${remedy}`}`);
  }
}
