// The flags that say which providers run, of which classes, and where: those of `berth controller` and of what is asked
// beside it.
import { argv, execArgv, execPath } from "node:process";
import { type Command, Option } from "commander";
import { isClassName, providerClass } from "../api/index.ts";
import { systemClock, UsageError } from "../base/index.ts";
import { type Classes, plainClasses } from "../model/index.ts";
import type { PortRange } from "../net/index.ts";
import type { ProviderAdapter, ProviderContext, ProviderModule } from "../provider/index.ts";
import { newCommand } from "./command.ts";
import { booleanOption, defaultReservedPorts, parsePortRanges } from "./flags.ts";
import { providerLoaders } from "./providers.ts";

export interface ProviderFlags {
  readonly providers: readonly string[];
  readonly ownUnclassed: boolean;
  readonly loadBalancerClass: readonly string[];
  readonly reservedPorts: readonly PortRange[];
  readonly stateDir: string;
  readonly clusterId?: string;
}

/** What a provider's own flags are is known once it is loaded: what is left over is kept for `chosenProviders`. */
export function addProviderFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--providers <names>",
        `providers to run, by commas; the first serves Services without a class; of ${[...providerLoaders.keys()].join(", ")}`,
      )
        .default([], "none")
        .argParser(collect),
    )
    .addOption(
      new Option("--provider <name>").hideHelp().argParser((name) => {
        throw new UsageError(`--provider: there is --providers NAMES instead; give --providers ${name}`);
      }),
    )
    .addOption(booleanOption("--own-unclassed", "serve Services without a class too, by the first provider", false))
    .addOption(
      new Option("--load-balancer-class <[provider=]class>", "class that a provider serves, may be repeated")
        .default([], "berth.dev/<provider>")
        .argParser(collect),
    )
    .addOption(
      new Option("--reserved-ports <ranges>", "ports of the nodes' own addresses that no Service may take")
        .default(parsePortRanges(defaultReservedPorts), defaultReservedPorts)
        .argParser(parseReservedPorts),
    )
    .option("--state-dir <directory>", "where providers keep what outlives the controller", "/var/lib/berth")
    .option("--cluster-id <id>", "who this cluster is to providers (default: UID of the namespace kube-system)")
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", "\nEach provider has flags of its own, --<provider>-...: see its README.");
}

/** Providers whose flags are all right; nothing has been asked of them yet. */
export interface ChosenProviders {
  readonly classes: Classes;
  create(
    context: Pick<ProviderContext, "clusterId" | "environment" | "fence" | "logger">,
  ): Promise<readonly ProviderAdapter[]>;
}

/** `rest`: the arguments that are no general flags. */
export async function chosenProviders(flags: ProviderFlags, rest: readonly string[]): Promise<ChosenProviders> {
  const modules = await loadProviders(flags.providers);
  const own = parseProviderFlags(modules, rest);
  const { stateDir, reservedPorts } = flags;
  return {
    classes: plainClasses(classesOf(flags, modules), flags.ownUnclassed ? modules[0]?.name : undefined),
    create: async (context) => await createProviders(modules, { ...context, flags: own, stateDir, reservedPorts }),
  };
}

async function createProviders(
  modules: readonly ProviderModule[],
  context: Omit<ProviderContext, "berth" | "clock">,
): Promise<readonly ProviderAdapter[]> {
  const berth = [execPath, ...execArgv, argv[1] ?? ""];
  const providers: ProviderAdapter[] = [];
  for (const module of modules) {
    const logger = context.logger.with({ provider: module.name });
    providers.push(await module.create({ ...context, berth, logger, clock: systemClock }));
  }
  return providers;
}

async function loadProviders(names: readonly string[]): Promise<readonly ProviderModule[]> {
  const known = [...providerLoaders.keys()].join(", ");
  if (names.length === 0) throw new UsageError(`--providers: missing; give one of ${known}`);
  return await Promise.all(
    [...new Set(names)].map(async (name) => {
      const load = providerLoaders.get(name);
      if (load === undefined)
        throw new UsageError(`--providers: ${JSON.stringify(name)} is unknown; give one of ${known}`);
      return (await load()).provider;
    }),
  );
}

/** What the general flags left over must be flags of the providers that run. */
function parseProviderFlags(
  modules: readonly ProviderModule[],
  args: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const command = newCommand("berth controller").helpOption(false).allowExcessArguments(false);
  const names = new Map<string, string>();
  for (const { flag, description } of modules.flatMap(({ flags }) => flags)) {
    const option = new Option(flag, description);
    names.set(option.attributeName(), option.long?.slice(2) ?? "");
    command.addOption(option);
  }
  const values = command
    .action(() => {})
    .parse(args, { from: "user" })
    .opts<Record<string, string>>();
  return Object.fromEntries([...names].map(([attribute, name]) => [name, values[attribute]]));
}

function classesOf(
  { loadBalancerClass }: ProviderFlags,
  modules: readonly ProviderModule[],
): ReadonlyMap<string, string> {
  const classes = new Map(modules.map(({ name }) => [name, providerClass(name)]));
  for (const text of loadBalancerClass) {
    const [first = "", second] = text.split("=");
    const [provider, value] = second === undefined ? [modules[0]?.name ?? "", first] : [first, second];
    if (!classes.has(provider) || (second === undefined && modules.length > 1))
      throw new UsageError(
        `--load-balancer-class: ${JSON.stringify(text)} names none of --providers; give PROVIDER=CLASS`,
      );
    if (!isClassName(value))
      throw new UsageError(`--load-balancer-class: ${JSON.stringify(value)} is no class; give DOMAIN/NAME`);
    classes.set(provider, value);
  }
  const values = [...classes.values()];
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw new UsageError(`--load-balancer-class: two providers of ${twice}; give each its own`);
  return classes;
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, ...text.split(",").map((part) => part.trim())];
}

function parseReservedPorts(text: string): readonly PortRange[] {
  const ranges = parsePortRanges(text);
  if (ranges !== undefined) return ranges;
  throw new UsageError(
    `--reserved-ports: ${JSON.stringify(text)} is no list of port ranges; give such as 22,30000-32767, or nothing for none`,
  );
}
