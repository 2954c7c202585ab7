// `berth agent cleanup`: takes a service proxy's rules off this node, ours as well as kube-proxy's.
import { type Command, Option } from "commander";
import { cleanUp, requireNetAdmin } from "../agent/index.ts";
import { errorMessage, FailureError, oneLine } from "../base/index.ts";
import { type Flavour, systemExec } from "../kernel/index.ts";
import type { Process } from "./command.ts";

const flavours: readonly Flavour[] = ["nft", "legacy"];

export function defineCleanUp(command: Command, process: Process): void {
  command
    .command("cleanup")
    .description("delete all Service rules of this node, those of kube-proxy too, and exit; Services stop working here")
    .addOption(new Option("--iptables <implementation>", "only those of this one").choices(flavours))
    .action((_flags: unknown, self: Command) => removeRules(process, self.opts<{ iptables?: Flavour }>().iptables));
}

/** Throws FailureError, naming what is left, when anything could not be deleted. `only`: of this implementation. */
export async function removeRules({ environment, signal, stdout }: Process, only?: Flavour): Promise<void> {
  await requireNetAdmin();
  const chosen = only === undefined ? flavours : [only];
  const { removed, kept, failed } = await cleanUp(systemExec(environment), ["IPv4", "IPv6"], signal, chosen);
  for (const what of removed) stdout.write(`removed ${what}\n`);
  for (const what of kept) stdout.write(`kept ${what}\n`);
  if (failed.length > 0)
    throw new FailureError(
      failed.map(({ what, error }) => `${what} not removed: ${oneLine(errorMessage(error))}`).join("; "),
    );
  if (removed.length === 0) stdout.write("no rules of a service proxy found\n");
}
