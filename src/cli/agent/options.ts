// The tables of fields and switches as options of the command line, and back to what was given.
import { type Command, Option } from "commander";
import { UsageError } from "../../base/index.ts";
import type { Given } from "./configuration.ts";
import { fieldAt, fieldPaths } from "./fields.ts";
import type { Kind } from "./kinds.ts";
import { switchAt, switchNames } from "./switches.ts";

interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly kind: Kind<unknown>;
  readonly fallbackText: string;
  readonly help: string;
  readonly group: string;
}

const groups = {
  own: "Flags of Berth's own:",
  followed: "Flags of kube-proxy:",
  ignored: "Flags of kube-proxy that are taken and have no effect:",
} as const;

/** Adds every flag; `given` tells afterwards which were used. */
export function addFlags(command: Command): void {
  for (const flag of allFlags()) command.addOption(optionOf(flag));
}

export function given(command: Command): Given {
  const used = (flag: Flag): boolean => command.getOptionValueSource(attributeOf(flag)) === "cli";
  function valueOf(flag: Flag): unknown {
    const value: unknown = command.getOptionValue(attributeOf(flag));
    // A flag without its value, which commander does not hand to the parser.
    return value === true && flag.kind.bare !== undefined ? flag.kind.fromFlag(flag.kind.bare, undefined) : value;
  }
  const pick = (flags: readonly (readonly [string, Flag])[]): object =>
    Object.fromEntries(flags.filter(([, flag]) => used(flag)).map(([key, flag]) => [key, valueOf(flag)]));
  return { fields: pick(fieldFlags()), switches: pick(switchFlags()) };
}

/** kube-proxy takes `--cluster_cidr` for `--cluster-cidr`. */
export function normalizeArguments(args: readonly string[]): readonly string[] {
  return args.map((arg) => (/^--\w/.test(arg) ? arg.replace(/^[^=]*/, (name) => name.replaceAll("_", "-")) : arg));
}

function allFlags(): readonly Flag[] {
  return [...switchFlags(), ...fieldFlags()].map(([, flag]) => flag);
}

function fieldFlags(): readonly (readonly [string, Flag])[] {
  return fieldPaths.flatMap((path) => {
    const { flag, short, kind, fallback, help, instead } = fieldAt(path);
    if (flag === undefined) return [];
    const fallbackText = shown(kind, fallback);
    const group = instead === undefined ? groups.followed : groups.ignored;
    return [[path, { name: flag, ...(short !== undefined && { short }), kind, fallbackText, help, group }] as const];
  });
}

function switchFlags(): readonly (readonly [string, Flag])[] {
  return switchNames.map((name) => {
    const { kind, fallback, fallbackText = shown(kind, fallback), help, own } = switchAt(name);
    return [name, { name, kind, fallbackText, help, group: own === true ? groups.own : groups.followed }] as const;
  });
}

/** A default for people; nothing where it is no more than nothing. */
export function shown(kind: Kind<unknown>, value: unknown): string {
  const form = kind.toFile(value);
  if (form === null || form === "" || form === false || (typeof form === "object" && Object.keys(form).length === 0))
    return "";
  return typeof form === "string" ? form : JSON.stringify(form);
}

function optionOf({ name, short, kind, fallbackText, help, group }: Flag): Option {
  const flags = `${short === undefined ? "" : `-${short}, `}--${name}`;
  const value = kind.bare === undefined ? `<${kind.name}>` : `[${kind.name}]`;
  const option = new Option(`${flags} ${value}`, fallbackText === "" ? help : `${help} (default: ${fallbackText})`);
  option.helpGroup(group);
  return option.argParser((text: string, before: unknown) => {
    const parsed = kind.fromFlag(text, before);
    if (parsed === undefined)
      throw new UsageError(`--${name}: ${JSON.stringify(text)} is no ${kind.name}; give ${kind.takes}`);
    return parsed;
  });
}

function attributeOf({ name }: Flag): string {
  return new Option(`--${name}`).attributeName();
}
