// Flags, file and defaults -> the one configuration that holds: a flag wins over the file's field. Pure.
import { Option } from "commander";
import type { ProviderModule } from "../../provider/index.ts";
import { newCommand, type Process } from "../command.ts";
import type { ConfigFile } from "./config-file.ts";
import { decodeProvided } from "./document.ts";
import type { Given } from "./options.ts";
import { defaultSettings, fieldOf, flagOf, type SettingName, type Settings } from "./settings.ts";

export interface Configuration {
  readonly settings: Settings;
  /** Where the setting comes from, for messages: `--providers`, `--config FILE: providers`. */
  readonly place: (name: SettingName) => string;
  /** What the providers that run are told, by the name of their flag without dashes. Throws UsageError. */
  readonly providerFlags: (modules: readonly ProviderModule[]) => Readonly<Record<string, string | undefined>>;
}

export function resolve(
  { settings, rest }: Pick<Given, "settings" | "rest">,
  file: ConfigFile | undefined,
  environment: Process["environment"],
): Configuration {
  const isOfFile = (name: SettingName): boolean => file?.settings[name] !== undefined && settings[name] === undefined;
  return {
    settings: { ...defaultSettings(environment), ...file?.settings, ...settings },
    place: (name) => (file !== undefined && isOfFile(name) ? `${file.place}: ${name}` : flagOf(name)),
    providerFlags: (modules) => ({ ...providerFields(modules, file), ...parseProviderFlags(modules, rest) }),
  };
}

function providerFields(
  modules: readonly ProviderModule[],
  file: ConfigFile | undefined,
): Readonly<Record<string, string>> {
  if (file === undefined) return {};
  const names = new Map(optionsOf(modules).map((option) => [fieldOf(longName(option)), longName(option)]));
  const values = decodeProvided(file.ofProviders, [...names.keys()], file.place);
  return Object.fromEntries(Object.entries(values).map(([field, value]) => [names.get(field), value]));
}

/** What the general flags left over must be flags of the providers that run. */
function parseProviderFlags(
  modules: readonly ProviderModule[],
  args: readonly string[],
): Readonly<Record<string, string>> {
  const command = newCommand("berth controller").helpOption(false).allowExcessArguments(false);
  const options = optionsOf(modules);
  for (const option of options) command.addOption(option);
  const values = command
    .action(() => {})
    .parse(args, { from: "user" })
    .opts<Record<string, string>>();
  return Object.fromEntries(
    options.flatMap((option) => {
      const value = values[option.attributeName()];
      return value === undefined ? [] : [[longName(option), value]];
    }),
  );
}

function optionsOf(modules: readonly ProviderModule[]): readonly Option[] {
  return modules.flatMap(({ flags }) => flags.map(({ flag, description }) => new Option(flag, description)));
}

function longName({ long }: Option): string {
  return long?.slice(2) ?? "";
}
