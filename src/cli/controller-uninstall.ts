// `berth controller uninstall`: gives up every load balancer and all that was written to Services, and ends.
import { type Command, Option } from "commander";
import type { Process } from "./command.ts";
import { given } from "./controller/options.ts";
import { runController } from "./controller/run.ts";
import { parseDuration } from "./flags.ts";
import type { providerLoaders } from "./providers.ts";

interface Flags {
  readonly deployment?: string;
  readonly timeout: number;
}

const helpText = `
It takes the flags and the file of \`berth controller\`; give it those that the controller has. It waits for the Lease, so the
controllers that work until now have to end: --deployment deletes theirs. Load balancers of Services that want it so are
retained, and orphans stay unless --delete-orphans is given. The Lease goes last.
Exit code 0: nothing is left; 1: what it names could not be given up, run it again; 2: wrong use.`;

/** `loaders`: every provider that there is. */
export function defineUninstall(command: Command, process: Process, loaders?: typeof providerLoaders): void {
  command
    .description("take down all load balancers, take back what was written to Services, and exit")
    .option("--deployment <name>", "delete this Deployment first, in the namespace of the Lease")
    .addOption(
      new Option("--timeout <duration>", "what is not given up after so long is a failure")
        .default(240_000, "4m")
        .argParser(parseDuration("--timeout")),
    )
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", helpText)
    .action(async ({ deployment, timeout: timeoutMs }: Flags) => {
      const told = { ...given(command.parent ?? command), rest: command.args };
      await runController(told, process, { loaders, leaving: { deployment, timeoutMs } });
    });
}
