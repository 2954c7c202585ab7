// What the values of flags and file fields may be, each kind with its text on the command line and its form in a file,
// as Go's flag and JSON packages read them: a number is no text, a duration is a text with a unit.
import { isChainPrefix, maxChainPrefix, type VipRouteMode, vipRouteModes } from "../../agent/index.ts";
import { type Cidr, type PortRange, parseCidr } from "../../net/index.ts";
import { logLevels } from "../../telemetry/index.ts";
import { parsePortRanges } from "../flags.ts";
import { durationMs, formatMs, parseGoDuration } from "../go-duration.ts";

/** What JSON and YAML can hold. */
export type FileValue = null | boolean | number | string | readonly FileValue[] | { readonly [key: string]: FileValue };

export interface Kind<V> {
  /** Placeholder on the command line. */
  readonly name: string;
  /** For messages: "give ..." */
  readonly takes: string;
  /** What a bare flag means; a kind without it needs a value. */
  readonly bare?: string;
  /** `before`: what earlier uses of the flag gave, if it was used. Undefined: the text is none of this kind. */
  readonly fromFlag: (text: string, before: V | undefined) => V | undefined;
  /** Never given null, which is Go's zero value. Undefined: it is none of this kind. */
  readonly fromFile: (value: FileValue) => V | undefined;
  readonly toFile: (value: V) => FileValue;
  /** What a field holds that is not set, as in Go. */
  readonly zero: V;
}

export const text: Kind<string> = {
  name: "text",
  takes: "a text",
  fromFlag: (value) => value,
  fromFile: (value) => (typeof value === "string" ? value : undefined),
  toFile: (value) => value,
  zero: "",
};

/** A text of which the command line's help says more. */
export function textOf(name: string, takes: string = text.takes): Kind<string> {
  return { ...text, name, takes };
}

export const chainPrefix: Kind<string> = {
  ...text,
  name: "prefix",
  takes: `1 to ${maxChainPrefix} upper-case letters, such as BERTH, but not CNI or DOCKER, whose chains others have`,
  fromFlag: (value) => (isChainPrefix(value) ? value : undefined),
};

/** What the value of a label can be. */
export const proxyName: Kind<string> = {
  ...text,
  name: "name",
  takes: "the value of a label: at most 63 of letters, digits, - _ and ., the first and last a letter or digit",
  fromFlag: (value) => (/^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/.test(value) ? value : undefined),
};

const trueWords = ["1", "t", "T", "true", "TRUE", "True"];
const falseWords = ["0", "f", "F", "false", "FALSE", "False"];

function parseBool(value: string): boolean | undefined {
  return trueWords.includes(value) ? true : falseWords.includes(value) ? false : undefined;
}

export const bool: Kind<boolean> = {
  name: "bool",
  takes: "true or false",
  bare: "true",
  fromFlag: parseBool,
  fromFile: (value) => (typeof value === "boolean" ? value : undefined),
  toFile: (value) => value,
  zero: false,
};

/** As Go's `strconv.ParseInt(text, 0, 32)`: also hexadecimal, octal, binary, with underscores. */
function parseInteger(value: string): number | undefined {
  const match = /^([+-]?)(0[xX]_?[\da-fA-F]+|0[bB]_?[01]+|0[oO]?_?[0-7]+|0|[1-9]\d*)$/.exec(
    value.replace(/(?<=[\da-fA-F])_(?=[\da-fA-F])/g, ""),
  );
  if (match === null) return undefined;
  const digits = (match[2] ?? "").replace("_", "").replace(/^0(?=[0-7])/, "0o");
  return match[1] === "-" ? -Number(digits) : Number(digits);
}

function integer(name: string, min: number, max: number): Kind<number> {
  const check = (value: number | undefined): number | undefined =>
    value !== undefined && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
  return {
    name,
    takes: `a whole number from ${min} to ${max}`,
    fromFlag: (value) => check(parseInteger(value)),
    fromFile: (value) => (typeof value === "number" ? check(value) : undefined),
    toFile: (value) => value,
    zero: 0,
  };
}

export const int32: Kind<number> = integer("number", -(2 ** 31), 2 ** 31 - 1);

/** `-v 4`, and `-v=4` as kube-proxy's users write it. */
export const verbosity: Kind<number> = {
  ...integer("level", 0, 2 ** 31 - 1),
  fromFlag: (value) => integer("level", 0, 2 ** 31 - 1).fromFlag(value.replace(/^=/, ""), undefined),
};

export const float: Kind<number> = {
  name: "number",
  takes: "a number",
  fromFlag: (value) => (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined),
  fromFile: (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined),
  toFile: (value) => value,
  zero: 0,
};

function parseMs(value: string): number | undefined {
  const ns = parseGoDuration(value);
  return ns === undefined ? undefined : durationMs(ns);
}

/** In milliseconds. */
export const duration: Kind<number> = {
  name: "duration",
  takes: "a duration such as 100ms, 30s or 1h30m",
  fromFlag: parseMs,
  fromFile: (value) => (typeof value === "string" ? parseMs(value) : undefined),
  toFile: formatMs,
  zero: 0,
};

/** The one field that older files hold as a number of nanoseconds. */
export const flushFrequency: Kind<number> = {
  ...duration,
  fromFile: (value) => (typeof value === "number" ? value / 1e6 : duration.fromFile(value)),
};

function isTexts(value: FileValue): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

export const texts: Kind<readonly string[]> = {
  name: "list",
  takes: "a list",
  fromFlag: (value, before = []) => [...before, ...(value === "" ? [] : value.split(",").map((one) => one.trim()))],
  fromFile: (value) => (isTexts(value) ? value : undefined),
  toFile: (value) => (value.length === 0 ? null : value),
  zero: [],
};

/** One text in the file, joined by commas; a list on the command line, where the flag may be repeated. */
export const joinedTexts: Kind<readonly string[]> = {
  ...texts,
  name: "prefixes",
  takes: "prefixes with a comma between them",
  fromFile: (value) => (typeof value === "string" ? texts.fromFlag(value, undefined) : undefined),
  toFile: (value) => value.join(","),
};

export const gates: Kind<Readonly<Record<string, boolean>>> = {
  name: "name=bool,...",
  takes: "NAME=true or NAME=false, with commas between them",
  fromFlag(value, before) {
    const found: Record<string, boolean> = { ...before };
    for (const pair of value.split(",").filter((one) => one !== "")) {
      const [name, on] = pair.split(/=(.*)/s);
      const parsed = on === undefined ? undefined : parseBool(on.trim());
      if (parsed === undefined) return undefined;
      found[(name ?? "").trim()] = parsed;
    }
    return found;
  },
  fromFile(value) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.values(value).every((on) => typeof on === "boolean")
      ? (value as Readonly<Record<string, boolean>>)
      : undefined;
  },
  toFile: (value) => value,
  zero: {},
};

/** `PATTERN=N`, a list; objects in the file. */
export const vmodule: Kind<readonly string[]> = {
  name: "pattern=N,...",
  takes: "PATTERN=N, with commas between them",
  fromFlag(value, before = []) {
    const items = value.split(",").filter((one) => one !== "");
    return items.every((one) => /^[^=]+=\d+$/.test(one)) ? [...before, ...items] : undefined;
  },
  fromFile(value) {
    if (!Array.isArray(value)) return undefined;
    return (value as readonly FileValue[]).map((one) => {
      const { filePattern = "", verbosity: level = 0 } = (one ?? {}) as { filePattern?: string; verbosity?: number };
      return `${filePattern}=${level}`;
    });
  },
  toFile: (value) =>
    value.map((item) => {
      const [filePattern = "", level] = item.split("=");
      return { filePattern, verbosity: Number(level) };
    }),
  zero: [],
};

/** A Kubernetes quantity such as `64Ki`; only zero means anything to us. */
export const quantity: Kind<string> = {
  name: "quantity",
  takes: "a number of bytes such as 0, 512 or 64Ki",
  fromFlag: (value) => (/^\d+(\.\d+)?([KMGTPE]i?)?$/.test(value) ? value : undefined),
  fromFile: (value) => (typeof value === "number" ? `${value}` : typeof value === "string" ? value : undefined),
  toFile: (value) => value,
  zero: "0",
};

/** Kinds that only flags of ours have: no file holds them. */
function flagOnly<V>(kind: Pick<Kind<V>, "name" | "takes" | "fromFlag" | "zero"> & Partial<Kind<V>>): Kind<V> {
  return { fromFile: () => undefined, toFile: () => null, ...kind };
}

export const logLevel: Kind<string> = flagOnly({
  name: "level",
  takes: `one of ${logLevels.join(", ")}`,
  fromFlag: (value) => logLevels.find((level) => level === value),
  zero: "",
});

export const logFormat: Kind<string> = flagOnly({
  name: "format",
  takes: "json or text",
  fromFlag: (value) => (value === "json" || value === "text" ? value : undefined),
  zero: "",
});

export const routeMode: Kind<VipRouteMode> = flagOnly<VipRouteMode>({
  name: "auto|on|off",
  takes: "auto, on or off",
  fromFlag: (value) => vipRouteModes.find((mode) => mode === value),
  zero: "off",
});

export const portRanges: Kind<readonly PortRange[]> = flagOnly<readonly PortRange[]>({
  name: "ranges",
  takes: "FIRST-LAST or PORT, with commas between them, such as 22,30000-32767; nothing for none",
  fromFlag: parsePortRanges,
  zero: [],
});

const everywhere: readonly Cidr[] = ["0.0.0.0/0", "::/0"].flatMap((prefix) => parseCidr(prefix) ?? []);

export const externalIps: Kind<readonly Cidr[]> = flagOnly<readonly Cidr[]>({
  name: "all|none|prefixes",
  takes: "all, none, or prefixes with commas between them, such as 203.0.113.0/24",
  fromFlag(value) {
    if (value === "all") return everywhere;
    if (value === "none") return [];
    const prefixes = value.split(",").map((one) => parseCidr(one.trim()));
    return prefixes.every((prefix) => prefix !== undefined) ? prefixes : undefined;
  },
  zero: [],
});

/** `--version`, `--version=raw`; `false` is as good as no flag. */
export const versionWord: Kind<string> = flagOnly({
  name: "true|raw",
  takes: "nothing, true, false or raw",
  bare: "true",
  fromFlag: (value) => (value === "raw" || value === "" ? value : parseBool(value)?.toString()),
  zero: "false",
});
