// The table of settings as options of the command line, and back to what was given.
import { type Command, Option } from "commander";
import { UsageError } from "../../base/index.ts";
import type { Process } from "../command.ts";
import { flagOf, type SettingName, type Settings, settingAt, settingNames } from "./settings.ts";

/** What stood on the command line. */
export interface Given {
  /** Of `--config`. */
  readonly file: string | undefined;
  readonly settings: Partial<Settings>;
  /** What is left over for providers. */
  readonly rest: readonly string[];
}

/** Adds every flag but those of providers; `given` tells afterwards which were used. */
export function addFlags(command: Command, environment: Process["environment"]): Command {
  command.option("--config <file>", "file with what no flag says: a ControllerConfiguration");
  for (const name of settingNames) {
    command.addOption(optionOf(name, environment));
    if (name === "providers") command.addOption(formerProvider());
  }
  return command
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", "\nEach provider has flags of its own, --<provider>-...: see its README.");
}

export function given(command: Command): Given {
  const used = settingNames.filter((name) => command.getOptionValueSource(name) === "cli");
  return {
    file: command.getOptionValue("config") as string | undefined,
    settings: Object.fromEntries(used.map((name) => [name, command.getOptionValue(name) as unknown])),
    rest: command.args,
  };
}

function optionOf(name: SettingName, environment: Process["environment"]): Option {
  const { kind, placeholder, fallback, fallbackText, variable, help } = settingAt(name);
  const flag = flagOf(name);
  const usual = variable === undefined ? fallback : (environment[variable] ?? fallback);
  // commander does not tell of a default that is no value.
  const note = usual === undefined && fallbackText !== undefined ? ` (default: ${fallbackText})` : "";
  const value = kind.isSwitch === true ? `[${placeholder}]` : `<${placeholder}>`;
  const option = new Option(`${flag} ${value}`, `${help}${note}`);
  if (usual !== undefined) option.default(usual, fallbackText);
  if (kind.isSwitch === true) option.preset("true");
  return kind.choices === undefined ? option.argParser(kind.read(flag)) : option.choices(kind.choices);
}

function formerProvider(): Option {
  return new Option("--provider <name>").hideHelp().argParser((name) => {
    throw new UsageError(`--provider: there is --providers NAMES instead; give --providers ${name}`);
  });
}
