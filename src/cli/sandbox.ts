// `berth sandbox`: a whole cluster on this machine, until Ctrl-C.
import { type Command, Option } from "commander";
import { maxNodes, startSandbox, sweep } from "../../sandbox/cluster/index.ts";
import { onAbort, UsageError } from "../base/index.ts";
import { systemExec } from "../kernel/index.ts";
import type { Family } from "../net/index.ts";
import { createLogger } from "../telemetry/index.ts";
import type { Process } from "./command.ts";

interface UpFlags {
  readonly nodes: number;
  readonly families: readonly Family[];
}

export function define(command: Command, process: Process): void {
  command
    .command("up")
    .description("start a cluster and keep it until Ctrl-C")
    .addOption(new Option("--nodes <count>", "number of nodes").default(3).argParser(parseNodes))
    .addOption(
      new Option("--families <list>", "address families of the cluster, the first one preferred")
        .default(["IPv4", "IPv6"], "IPv4,IPv6")
        .argParser(parseFamilies),
    )
    .action((flags: UpFlags) => runUp(flags, process));
  command
    .command("sweep")
    .description("remove what sandboxes that were killed have left")
    .action(() => runSweep(process));
}

async function runUp(flags: UpFlags, process: Process): Promise<void> {
  const { environment, signal, stdout, stderr } = process;
  const logger = createLogger({ level: "warn", format: "text", stream: stderr });
  const onProgress = (step: string, durationMs: number): void => {
    stdout.write(`${`${Math.round(durationMs)} ms`.padStart(8)}  ${step}\n`);
  };
  await using sandbox = await startSandbox({ ...flags, environment, signal, logger, onProgress });
  stdout.write(`\nSandbox ${sandbox.id} is up; its logs are in ${sandbox.runDir}/logs. In another terminal:\n\n`);
  stdout.write(`  export KUBECONFIG=${sandbox.kubeconfig}\n\nCtrl-C ends it and removes everything.\n`);
  const { promise, resolve } = Promise.withResolvers<void>();
  using _listener = onAbort(signal, resolve);
  await promise;
  stdout.write("ending the sandbox\n");
}

async function runSweep({ environment, signal, stdout }: Process): Promise<void> {
  const ids = await sweep(systemExec(environment), signal);
  stdout.write(ids.length === 0 ? "nothing to remove\n" : `removed ${ids.join(" ")}\n`);
}

function parseNodes(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > maxNodes)
    throw new UsageError(`--nodes: ${JSON.stringify(text)} is no number of nodes; give 1 to ${maxNodes}`);
  return count;
}

function parseFamilies(text: string): readonly Family[] {
  const families = text.split(",").filter((part): part is Family => part === "IPv4" || part === "IPv6");
  if (families.join(",") !== text || new Set(families).size !== families.length)
    throw new UsageError(`--families: ${JSON.stringify(text)}; give IPv4, IPv6 or both, such as IPv4,IPv6`);
  return families;
}
