// `berth agent cleanup`: takes a service proxy's rules off this node, ours as well as kube-proxy's.
import { type Command, Option } from "commander";
import { cleanUp, kubePrefix, requireNetAdmin } from "../agent/index.ts";
import { errorMessage, FailureError, oneLine } from "../base/index.ts";
import { type Flavour, systemExec } from "../kernel/index.ts";
import type { Process } from "./command.ts";

const flavours: readonly Flavour[] = ["nft", "legacy"];

export function defineCleanUp(command: Command, process: Process): void {
  command
    .command("cleanup")
    .description("delete all Service rules of this node, those of kube-proxy too, and exit; Services stop working here")
    .addOption(new Option("--iptables <implementation>", "only those of this one").choices(flavours))
    .addOption(
      new Option("--iptables-chain-prefix <prefix>", "only those of the proxy whose chains' names begin so").default(
        kubePrefix,
      ),
    )
    .action((_flags: unknown, self: Command) => {
      // The agent's own flag of this name is heard behind the sub-command too, and is the one that checks the value.
      const { iptables, iptablesChainPrefix } = self.optsWithGlobals<Flags>();
      return removeRules(process, iptablesChainPrefix, iptables);
    });
}

interface Flags {
  readonly iptables?: Flavour;
  readonly iptablesChainPrefix: string;
}

/** Throws FailureError, naming what is left, when anything could not be deleted. `only`: of this implementation. */
export async function removeRules(
  { environment, signal, stdout }: Process,
  prefix: string,
  only?: Flavour,
): Promise<void> {
  await requireNetAdmin();
  const chosen = only === undefined ? flavours : [only];
  const scope = { flavours: chosen, chainPrefix: prefix };
  const { removed, kept, failed } = await cleanUp(systemExec(environment), ["IPv4", "IPv6"], signal, scope);
  for (const what of removed) stdout.write(`removed ${what}\n`);
  for (const what of kept) stdout.write(`kept ${what}\n`);
  if (failed.length > 0)
    throw new FailureError(
      failed.map(({ what, error }) => `${what} not removed: ${oneLine(errorMessage(error))}`).join("; "),
    );
  if (removed.length === 0) stdout.write("no rules of a service proxy found\n");
}
