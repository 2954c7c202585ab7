// `berth sandbox`: a whole cluster on this machine, until Ctrl-C.
import { type Command, Option } from "commander";
import { maxNodes, startSandbox, sweep } from "../../sandbox/cluster/index.ts";
import { runDemo, type Sabotage, sabotages } from "../../sandbox/demo/index.ts";
import { systemClock, UsageError, untilAbort } from "../base/index.ts";
import { systemExec } from "../kernel/index.ts";
import type { Family } from "../net/index.ts";
import { createLogger } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { parseDuration } from "./flags.ts";
import { onTerminal, whileTerminal } from "./terminal.ts";

interface UpFlags {
  readonly nodes: number;
  readonly families: readonly Family[];
}

interface DemoFlags {
  readonly sabotage?: Sabotage;
  readonly stepTimeout: number;
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
  const demo = command
    .command("demo")
    .description("start a cluster and show a LoadBalancer Service that answers from outside; fails unless it does")
    .addOption(new Option("--sabotage <what>", "leave out or break one thing, to see the demo fail").choices(sabotages))
    .addOption(
      new Option("--step-timeout <duration>", "how long one step may wait for what it shows")
        .default(30_000, "30s")
        .argParser(parseDuration("--step-timeout")),
    );
  demo.action((flags: DemoFlags) => runDemoCommand(flags, process));
  command
    .command("sweep")
    .description("remove what sandboxes that were killed have left")
    .action(() => runSweep(process));
}

async function runUp(flags: UpFlags, process: Process): Promise<void> {
  const { environment, stdout, stderr } = process;
  using terminal = whileTerminal(process.signal);
  const { signal } = terminal;
  const logger = createLogger({ level: "warn", format: "text", stream: stderr });
  const onProgress = (step: string, durationMs: number): void => {
    stdout.write(`${`${Math.round(durationMs)} ms`.padStart(8)}  ${step}\n`);
  };
  await using sandbox = await startSandbox({ ...flags, environment, signal, logger, onProgress });
  stdout.write(`\nSandbox ${sandbox.id} is up; its logs are in ${sandbox.runDir}/logs. In another terminal:\n\n`);
  stdout.write(`  export KUBECONFIG=${sandbox.kubeconfig}\n\nCtrl-C ends it and removes everything.\n`);
  await untilAbort(signal);
  stdout.write("ending the sandbox\n");
}

async function runDemoCommand(flags: DemoFlags, process: Process): Promise<void> {
  const { environment, stdout } = process;
  using terminal = whileTerminal(process.signal);
  await runDemo({
    environment,
    signal: terminal.signal,
    write: (text) => stdout.write(text),
    clock: systemClock,
    logger: createLogger({ level: "warn", format: "text", stream: process.stderr }),
    stay: onTerminal() && environment["CI"] !== "true",
    sabotage: flags.sabotage,
    limitMs: flags.stepTimeout,
  });
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
  if (text === "" || families.join(",") !== text || new Set(families).size !== families.length)
    throw new UsageError(`--families: ${JSON.stringify(text)}; give IPv4, IPv6 or both, such as IPv4,IPv6`);
  return families;
}
