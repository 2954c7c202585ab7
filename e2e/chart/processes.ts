// What the processes themselves make of the command line and the file that the chart gives them.
import { stderr, stdout } from "node:process";
import { Command } from "commander";
import { parse } from "yaml";
import type { Rendered } from "../../hack/chart/helm.ts";
import { resolve as resolveAgent } from "../../src/cli/agent/configuration.ts";
import { decode as decodeAgent } from "../../src/cli/agent/document.ts";
import { processSettings } from "../../src/cli/agent/settings.ts";
import { parseFlags } from "../../src/cli/agent/testing/command-line.ts";
import type { CommandModule } from "../../src/cli/command.ts";
import { resolve as resolveController } from "../../src/cli/controller/configuration.ts";
import { decode as decodeController } from "../../src/cli/controller/document.ts";
import { addFlags, type Given, given } from "../../src/cli/controller/options.ts";
import { chosenProviders } from "../../src/cli/controller/providers.ts";
import { leaseTimesOf, poolOf } from "../../src/cli/controller/wishes.ts";
import { type Container, fileOf } from "./release.ts";

/** Where a process answers, by the name of the port. */
export type Listening = Readonly<Record<"health" | "metrics", { readonly host: string; readonly port: number }>>;

const filled: Readonly<Record<string, string>> = { "$(NODE_NAME)": "node-a", "$(POD_IP)": "10.244.1.7" };

/** The arguments as the kubelet fills them in, without the command's name and the file's. */
function flagsOf({ args: [, ...args] }: Container): readonly string[] {
  const whole = args.map((arg) => arg.replace(/\$\(\w+\)/, (name) => filled[name] ?? name));
  return whole.filter((arg) => !arg.startsWith("--config="));
}

/** Throws UsageError where the agent would end, and Error where it would warn. */
export function startAgent(objects: readonly Rendered[], container: Container): Listening {
  const file = "agent.yaml";
  const decoded = decodeAgent(parse(fileOf(objects, "berth-agent", file)), file);
  const configuration = resolveAgent(parseFlags(...flagsOf(container)), { path: file, hash: "", ...decoded });
  if (configuration.warnings.length > 0) throw new Error(JSON.stringify(configuration.warnings));
  const { healthzAddress, metricsAddress } = processSettings(configuration);
  if (healthzAddress === undefined || metricsAddress === undefined) throw new Error("the agent answers nowhere");
  return { health: healthzAddress, metrics: metricsAddress };
}

/** Throws UsageError where the controller would end. */
export async function startController(objects: readonly Rendered[], container: Container): Promise<Listening> {
  const command = new Command().exitOverride().configureOutput({ writeErr() {} });
  addFlags(command, {});
  command.parse(flagsOf(container), { from: "user" });
  return await configureController(objects, given(command));
}

async function configureController(objects: readonly Rendered[], told: Given): Promise<Listening> {
  const file = "controller.yaml";
  const decoded = decodeController(parse(fileOf(objects, "berth-controller", file)), file);
  const configuration = resolveController(told, { place: file, ...decoded }, {});
  await chosenProviders(configuration);
  poolOf(configuration);
  leaseTimesOf(configuration);
  const { healthBindAddress, metricsBindAddress } = configuration.settings;
  return { health: healthBindAddress, metrics: metricsBindAddress };
}

/** Throws what `berth agent uninstall` or `berth controller uninstall` would end at. */
export async function startUninstall(
  objects: readonly Rendered[],
  process: "agent" | "controller",
  container: Container,
): Promise<void> {
  const module = (await import(`../../src/cli/${process}.ts`)) as CommandModule;
  const parent = new Command().exitOverride().configureOutput({ writeErr() {} });
  module.define(parent, { argv: [], environment: {}, signal: new AbortController().signal, stdout, stderr });
  const command = parent.commands.find((each) => each.name() === "uninstall");
  if (command === undefined) throw new Error(`berth ${process} has no uninstall`);
  let isReached = false;
  command.action(() => {
    isReached = true;
  });
  await parent.parseAsync(flagsOf(container), { from: "user" });
  if (!isReached) throw new Error(`${container.args.join(" ")} is something else`);
  if (process === "controller") await configureController(objects, { ...given(parent), rest: command.args });
  else if (command.args.length > 0) throw new Error(`unknown: ${command.args.join(" ")}`);
}
