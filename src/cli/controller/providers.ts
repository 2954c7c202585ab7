// Which providers run, of which classes: settings -> modules -> adapters.
import { argv, execArgv, execPath } from "node:process";
import { systemClock, UsageError } from "../../base/index.ts";
import type { Classes } from "../../model/index.ts";
import {
  type ProviderAdapter,
  type ProviderContext,
  type ProviderModule,
  type RequestBudget,
  requestMeters,
} from "../../provider/index.ts";
import type { Metrics } from "../../telemetry/index.ts";
import { providerLoaders } from "../providers.ts";
import type { Configuration } from "./configuration.ts";
import { budgetsOf, classesOf } from "./wishes.ts";

/** Providers of which all that is told is right; nothing has been asked of them yet. */
export interface ChosenProviders {
  readonly classes: Classes;
  /** What they are told, by the flags' long names without dashes. */
  readonly flags: ProviderContext["flags"];
  /** By the provider's name. */
  readonly budgets: ReadonlyMap<string, RequestBudget>;
  create(
    context: Pick<ProviderContext, "clusterId" | "environment" | "fence" | "logger">,
    metrics: Metrics,
  ): Promise<readonly ProviderAdapter[]>;
}

/** `loaders`: every provider that there is. Throws UsageError. */
export async function chosenProviders(
  configuration: Configuration,
  loaders: typeof providerLoaders = providerLoaders,
): Promise<ChosenProviders> {
  const { stateDir, reservedPorts } = configuration.settings;
  const modules = await load(configuration, loaders);
  const flags = configuration.providerFlags(modules);
  const names = modules.map(({ name }) => name);
  const budgets = budgetsOf(configuration, names, systemClock);
  return {
    classes: classesOf(configuration, names),
    flags,
    budgets,
    async create(context, metrics) {
      const berth = [execPath, ...execArgv, argv[1] ?? ""];
      const meterOf = requestMeters(metrics);
      const adapters: ProviderAdapter[] = [];
      for (const module of modules) {
        const { name } = module;
        const budget = budgets.get(name);
        const requestLimits = { meter: meterOf(name), ...(budget !== undefined && { budget }) };
        const logger = context.logger.with({ provider: name });
        const own = { berth, flags, stateDir, reservedPorts, requestLimits, logger, clock: systemClock };
        adapters.push(await module.create({ ...context, ...own }));
      }
      return adapters;
    },
  };
}

async function load(
  { settings, place }: Configuration,
  loaders: typeof providerLoaders,
): Promise<readonly ProviderModule[]> {
  const { providers: names } = settings;
  const known = [...loaders.keys()].join(", ");
  if (names.length === 0) throw new UsageError(`--providers: missing; give one of ${known}`);
  return await Promise.all(
    [...new Set(names)].map(async (name) => {
      const load = loaders.get(name);
      if (load === undefined)
        throw new UsageError(`${place("providers")}: ${JSON.stringify(name)} is unknown; give one of ${known}`);
      return (await load()).provider;
    }),
  );
}
