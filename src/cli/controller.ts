// `berth controller`: the command, and those below it.
import { setFlagsFromString } from "node:v8";
import type { Command } from "commander";
import { isAbort } from "../base/index.ts";
import type { Process } from "./command.ts";
import { addFlags, given } from "./controller/options.ts";
import { runController } from "./controller/run.ts";
import { defineOrphans } from "./controller-orphans.ts";
import { defineUninstall } from "./controller-uninstall.ts";
import type { providerLoaders } from "./providers.ts";

/**
 * How much of the heap may be garbage, in percent of what is kept. V8 would let it grow to four times what is kept when
 * many Services change at once, and gives back little of that.
 */
const garbagePercent = 40;

/** `loaders`: every provider that there is. */
export function define(command: Command, process: Process, loaders?: typeof providerLoaders): void {
  addFlags(command, process.environment);
  defineOrphans(command.helpCommand(false).command("orphans"), process);
  defineUninstall(command.command("uninstall"), process, loaders);
  command.action(async () => {
    setFlagsFromString(`--heap-growing-percent=${garbagePercent}`);
    try {
      await runController(given(command), process, { loaders });
    } catch (error) {
      // A signal is how a controller ends in order, wherever it is.
      if (!isAbort(error, process.signal)) throw error;
    }
  });
}
