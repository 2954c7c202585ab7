// What follows from several settings at once; those that contradict each other are refused, naming both and the remedy.
import { isClassName, providerClass } from "../../api/index.ts";
import { type Clock, UsageError } from "../../base/index.ts";
import { type AddressPool, openPool, rangesOverlap, usableRange } from "../../ipam/index.ts";
import type { LeaseTimes } from "../../kube/index.ts";
import { type Classes, plainClasses } from "../../model/index.ts";
import { type ProviderModule, type Rates, RequestBudget } from "../../provider/index.ts";
import { formatMs } from "../go-duration.ts";
import type { Configuration } from "./configuration.ts";

type Wishes = Pick<Configuration, "settings" | "place">;

/** The classes that the providers of these names serve without any object that says so. Throws UsageError. */
export function classesOf({ settings, place }: Wishes, providers: readonly string[]): Classes {
  const { loadBalancerClass, ownUnclassed } = settings;
  const where = place("loadBalancerClass");
  const classes = new Map(providers.map((name) => [name, providerClass(name)]));
  for (const text of loadBalancerClass) {
    const [first = "", second] = text.split("=");
    const [provider, value] = second === undefined ? [providers[0] ?? "", first] : [first, second];
    if (!classes.has(provider) || (second === undefined && providers.length > 1))
      throw new UsageError(`${where}: ${JSON.stringify(text)} names none of --providers; give PROVIDER=CLASS`);
    if (!isClassName(value)) throw new UsageError(`${where}: ${JSON.stringify(value)} is no class; give DOMAIN/NAME`);
    classes.set(provider, value);
  }
  const values = [...classes.values()];
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw new UsageError(`${where}: two providers of ${twice}; give each its own`);
  return plainClasses(classes, ownUnclassed ? providers[0] : undefined);
}

/** The pool of the flag, under the name that people know it by; no object can have it. Throws UsageError. */
export function poolOf({ settings, place }: Wishes): AddressPool {
  const ranges = settings.addressPool.map(usableRange);
  const twice = ranges.find((range, i) => ranges.slice(0, i).some((other) => rangesOverlap(range, other)));
  if (twice === undefined) return openPool("--address-pool", ranges);
  const other = ranges.find((range) => rangesOverlap(range, twice))?.text ?? "";
  throw new UsageError(`${place("addressPool")}: ${other} and ${twice.text} overlap; give each address once`);
}

/** By the names of the providers that run; each has its own. Throws UsageError. */
export function budgetsOf(
  { settings, place }: Wishes,
  modules: readonly Pick<ProviderModule, "name" | "rates">[],
  clock: Clock,
): ReadonlyMap<string, RequestBudget> {
  const where = place("providerRate");
  const providers = modules.map(({ name }) => name);
  const names = settings.providerRate.map(({ provider, kind }) =>
    provider === undefined ? kind : `${provider}:${kind}`,
  );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`${where}: two rates of ${twice}; give each once`);
  for (const { provider } of settings.providerRate)
    if (provider !== undefined && !providers.includes(provider))
      throw new UsageError(
        `${where}: ${JSON.stringify(provider)} is none of --providers; give one of ${providers.join(", ")}, or remove it`,
      );
  const ratesFor = (name: string | undefined): Rates =>
    Object.fromEntries(
      settings.providerRate.filter(({ provider }) => provider === name).map(({ kind, rate }) => [kind, rate]),
    );
  return new Map(
    modules.map(({ name, rates }) => [
      name,
      new RequestBudget({ ...rates, ...ratesFor(undefined), ...ratesFor(name) }, clock),
    ]),
  );
}

/** Throws UsageError for times with which two could lead at once, or nobody for long. */
export function leaseTimesOf({ settings, place }: Wishes): LeaseTimes {
  const { leaderElectLeaseDuration: durationMs, leaderElectRenewDeadline: renewDeadlineMs } = settings;
  const { leaderElectRetryPeriod: retryMs } = settings;
  if (durationMs <= renewDeadlineMs) throw tooShort("leaderElectLeaseDuration", "leaderElectRenewDeadline", 1);
  // The factor is client-go's jitter.
  if (renewDeadlineMs <= 1.2 * retryMs) throw tooShort("leaderElectRenewDeadline", "leaderElectRetryPeriod", 1.2);
  return { durationMs, renewDeadlineMs, retryMs };

  function tooShort(name: LeaseSetting, other: LeaseSetting, factor: number): UsageError {
    const least = formatMs(factor * settings[other]);
    return new UsageError(
      `${place(name)}: ${formatMs(settings[name])} with ${place(other)} ${formatMs(settings[other])}; give more than ${least}, or lower the other`,
    );
  }
}

type LeaseSetting = "leaderElectLeaseDuration" | "leaderElectRenewDeadline" | "leaderElectRetryPeriod";
