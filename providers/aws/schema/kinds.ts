import { parseIp } from "../../../src/net/index.ts";

/** How a text is read. */
export interface Kind<T> {
  /** What may be given, to complete "give ...". */
  readonly allowed: string;
  /** Undefined when the text is none. */
  parse(text: string): T | undefined;
}

export type Pairs = Readonly<Record<string, string>>;

export const bool: Kind<boolean> = {
  allowed: "true or false",
  parse: (text) => ({ true: true, false: false })[text],
};

export const onOff: Kind<boolean> = { allowed: "on or off", parse: (text) => ({ on: true, off: false })[text] };

export const pairs: Kind<Pairs> = { allowed: "KEY=VALUE, several of them separated by commas", parse: parsePairs };

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number): Kind<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : Number.NaN;
      return min <= value && value <= max ? value : undefined;
    },
  };
}

/** One of a few words. */
export function choice<const T extends string>(...values: readonly T[]): Kind<T> {
  return {
    allowed: values.length === 1 ? `${values[0]}` : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`,
    parse: (text) => values.find((value) => value === text),
  };
}

/** A text of a form. */
export function form(pattern: RegExp, allowed: string): Kind<string> {
  return { allowed, parse: (text) => (pattern.test(text) ? text : undefined) };
}

/** An address of IPv4 or IPv6. */
export function address(family: "IPv4" | "IPv6"): Kind<string> {
  const example = family === "IPv4" ? "10.0.0.10" : "2001:db8::10";
  return {
    allowed: `${family} addresses, such as ${example}`,
    parse: (text) => (parseIp(text)?.family === family ? text : undefined),
  };
}

/** At least one of a kind, separated by commas, none twice. */
export function listOf<T>(item: Kind<T>, most: number = Number.POSITIVE_INFINITY): Kind<readonly T[]> {
  const limit = most === Number.POSITIVE_INFINITY ? "" : `, at most ${most}`;
  return {
    allowed: `${item.allowed}, separated by commas, each once${limit}`,
    parse(text) {
      const texts = text.split(",").map((part) => part.trim());
      const values = texts.map((part) => item.parse(part)).filter((value) => value !== undefined);
      const isWhole = values.length === texts.length && new Set(texts).size === texts.length;
      return isWhole && values.length <= most ? values : undefined;
    },
  };
}

function parsePairs(text: string): Pairs | undefined {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const entries = parts.map((part): [string, string] => {
    const at = part.indexOf("=");
    return [part.slice(0, Math.max(0, at)).trim(), part.slice(at + 1).trim()];
  });
  const names = new Set(entries.map(([name]) => name));
  return names.has("") || names.size < entries.length ? undefined : Object.fromEntries(entries);
}
