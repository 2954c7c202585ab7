// The controller's file as a document (`controller.berth.dev/v1alpha1`) -> what it sets, and back, for `/configz`. Pure;
// text is read in `config-file.ts`.
import { z } from "zod";
import { nearestKey } from "../../api/index.ts";
import { UsageError } from "../../base/index.ts";
import { providerLoaders } from "../providers.ts";
import type { FileValue } from "./kinds.ts";
import {
  fieldOf,
  isSettingName,
  type SettingName,
  type Settings,
  type SettingValue,
  settingAt,
  settingNames,
} from "./settings.ts";

export const apiVersion = "controller.berth.dev/v1alpha1";
export const kind = "ControllerConfiguration";

export interface Decoded {
  readonly settings: Partial<Settings>;
  /** Fields that only a provider knows, by its name's first letters. */
  readonly ofProviders: Mapping;
}

type Mapping = Readonly<Record<string, unknown>>;

const schema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  ...Object.fromEntries(settingNames.map((name) => [name, settingAt(name).kind.form.optional()])),
});

const provided = [...providerLoaders.keys()].map(fieldOf);

/** `place` names the file, for messages. Throws UsageError, naming every field that is wrong and the remedy. */
export function decode(document: unknown, place: string): Decoded {
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw new UsageError(`${place}: ${show(document)}; give a mapping with apiVersion ${apiVersion} and kind ${kind}`);
  const isProvided = ([key]: [string, unknown]): boolean =>
    provided.some((name) => key.startsWith(name) && /^[A-Z]/.test(key.slice(name.length)) && !isSettingName(key));
  const fields = Object.entries(document);
  const own = Object.fromEntries(fields.filter((field) => !isProvided(field)));
  check(schema, own, place, takes);
  const settings = settingNames.flatMap((name) => {
    const value = own[name] as FileValue | undefined;
    return value === undefined ? [] : [[name, read(name, value, `${place}: ${name}`)] as const];
  });
  return {
    settings: Object.fromEntries(settings),
    ofProviders: Object.fromEntries(fields.filter(isProvided)),
  };
}

/** What holds, as a file that says all of it; `flags`: those of providers, by their long names without dashes. */
export function encode(settings: Settings, flags: Readonly<Record<string, string | undefined>>): Mapping {
  const own = settingNames.flatMap((name) => {
    const value: SettingValue = settings[name];
    return value === undefined ? [] : [[name, settingAt(name).kind.show(value)] as const];
  });
  const provided = Object.entries(flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [[fieldOf(flag), value] as const],
  );
  return { apiVersion, kind, ...Object.fromEntries([...own, ...provided]) };
}

/** What the fields say that the providers that run have: each a text. Throws UsageError for all others. */
export function decodeProvided(fields: Mapping, known: readonly string[], place: string): Record<string, string> {
  const texts = Object.fromEntries(known.map((name) => [name, z.string().min(1).exactOptional()]));
  return check(z.strictObject(texts), fields, place, () => "a text");
}

function read(name: SettingName, value: FileValue, place: string): SettingValue {
  const reader = settingAt(name).kind.read(place);
  const texts = typeof value === "object" ? value : [String(value)];
  if (texts.length === 0) return [];
  return texts.reduce<SettingValue>((before, text) => reader(text, before), undefined);
}

function takes(field: string): string {
  if (isSettingName(field)) return settingAt(field).kind.takes;
  return field === "kind" ? kind : apiVersion;
}

function check<T>(form: z.ZodType<T>, fields: Mapping, place: string, takes: (field: string) => string): T {
  const { data, error } = form.safeParse(fields);
  if (error === undefined) return data;
  const known = Object.keys((form as unknown as z.ZodObject).shape);
  const problems = error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownField(key, known));
    const field = String(issue.path[0]);
    return [`${field}: ${show(fields[field])}; give ${takes(field)}`];
  });
  throw new UsageError(`${place}: ${[...new Set(problems)].join("; ")}`);
}

function unknownField(key: string, known: readonly string[]): string {
  const nearest = nearestKey(key, known);
  return `${key}: no such field; ${nearest === undefined ? "remove it" : `give ${nearest}, or remove it`}`;
}

function show(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
