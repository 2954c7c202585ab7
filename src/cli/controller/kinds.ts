// What the values of the controller's flags and of its file's fields may be: each kind with its form in a file, and how
// its text is read, which is the same in both.
import { z } from "zod";
import { UsageError } from "../../base/index.ts";
import { type Cidr, formatCidr, formatPortRange, type PortRange, withPort } from "../../net/index.ts";
import type { Rate, RequestKind } from "../../provider/index.ts";
import {
  collectCidrs,
  type HostPort,
  parseDuration,
  parseHostPort,
  parsePortRangeFlag,
  parsePortRanges,
} from "../flags.ts";
import { formatMs } from "../go-duration.ts";

/** What a field of the file may hold. */
export type FileValue = boolean | number | string | readonly string[];

/** `place` is the flag or the field, for messages. Throws UsageError. `before`: what came from the flag's earlier uses. */
export type Reader<V> = (place: string) => (text: string, before: V | undefined) => V;

export interface Kind<V> {
  /** For the table of docs/controller-flags.md. */
  readonly name: string;
  readonly form: z.ZodType<FileValue>;
  /** For messages about the form: "give ..." */
  readonly takes: string;
  readonly read: Reader<V>;
  /** As a field has it: what `read` makes the same value of. */
  readonly show: (value: V) => FileValue;
  /** The flag alone means true. */
  readonly isSwitch?: true;
  readonly choices?: readonly string[];
}

/** How fast requests of one kind may go, of one provider or of each. */
export interface ProviderRate {
  readonly provider: string | undefined;
  readonly kind: RequestKind;
  readonly rate: Rate;
}

const line = z.string().min(1);
const list = z.array(line);

export const text: Kind<string> = {
  name: "text",
  form: line,
  takes: "a text",
  read: (place) => (value) => {
    if (value === "") throw new UsageError(`${place}: empty; give a text, or leave it out`);
    return value;
  },
  show: (value) => value,
};

/** `read` of `choices` is commander's for flags, and is not needed for fields: their form says it all. */
export function choice<V extends string>(...choices: readonly V[]): Kind<V> {
  return {
    name: "word",
    form: z.enum(choices),
    takes: `one of ${choices.join(", ")}`,
    read: () => (value) => value as V,
    show: (value) => value,
    choices,
  };
}

export const bool: Kind<boolean> = {
  name: "bool",
  form: z.boolean(),
  takes: "true or false",
  isSwitch: true,
  read: (place) => (value) => {
    if (value !== "true" && value !== "false")
      throw new UsageError(`${place}: ${JSON.stringify(value)} is neither true nor false`);
    return value === "true";
  },
  show: (value) => value,
};

/** In milliseconds. */
export const duration: Kind<number> = {
  name: "duration",
  form: line,
  takes: "a duration such as 100ms, 1s or 1m30s",
  read: parseDuration,
  show: formatMs,
};

/** One that something is done again after. */
export const period: Kind<number> = {
  ...duration,
  read: (place) => (value) => {
    const found = parseDuration(place)(value);
    if (found === 0) throw new UsageError(`${place}: must be greater than 0; give one such as 100ms, 1s or 1m30s`);
    return found;
  },
};

export const count: Kind<number> = {
  name: "count",
  form: z.number(),
  takes: "a number from 1 to 9999",
  read: (place) => (value) => {
    const found = Number(value);
    if (!/^\d{1,4}$/.test(value) || found < 1)
      throw new UsageError(`${place}: ${JSON.stringify(value)} is no count; give a number from 1 to 9999`);
    return found;
  },
  show: (value) => value,
};

export const address: Kind<HostPort> = {
  name: "address",
  form: line,
  takes: "IP:PORT, such as 127.0.0.1:8080 or [::]:8080",
  read: parseHostPort,
  show: ({ host, port }) => withPort(host, port),
};

export const ports: Kind<PortRange> = {
  name: "ports",
  form: line,
  takes: "FIRST-LAST, such as 30000-32767",
  read: parsePortRangeFlag,
  show: formatPortRange,
};

export const portRanges: Kind<readonly PortRange[]> = {
  name: "ranges",
  form: z.string(),
  takes: "port ranges with commas between them, such as 22,30000-32767, or an empty text for none",
  read: (place) => (value) => {
    const found = parsePortRanges(value);
    if (found !== undefined) return found;
    throw new UsageError(
      `${place}: ${JSON.stringify(value)} is no list of port ranges; give such as 22,30000-32767, or nothing for none`,
    );
  },
  show: (ranges) => ranges.map(formatPortRange).join(","),
};

export const texts: Kind<readonly string[]> = {
  name: "list",
  form: list,
  takes: "a list of texts",
  read:
    (place) =>
    (value, before = []) => {
      const parts = value.split(",").map((part) => part.trim());
      if (parts.includes("")) throw new UsageError(`${place}: ${JSON.stringify(value)} has an empty part; remove it`);
      return [...before, ...parts];
    },
  show: (values) => values,
};

export const prefixes: Kind<readonly Cidr[]> = {
  name: "list",
  form: list,
  takes: "a list of prefixes, each ADDRESS/BITS",
  read: collectCidrs,
  show: (values) => values.map(formatCidr),
};

export const providerRates: Kind<readonly ProviderRate[]> = {
  name: "list",
  form: list,
  takes: "a list of rates, each such as write=10:20 or proxy:write=10:20",
  read:
    (place) =>
    (value, before = []) => [...before, ...value.split(",").map((part) => parseRate(place, part.trim()))],
  show: (rates) =>
    rates.map(({ provider, kind, rate: { perSecond, burst } }) =>
      [...(provider === undefined ? [] : [provider]), `${kind}=${perSecond}`, `${burst}`].join(":"),
    ),
};

export const ratePattern: RegExp = /^(?:([\w-]+):)?(read|write|poll)=(\d{1,6}(?:\.\d{1,3})?)(?::(\d{1,6}))?$/;

function parseRate(place: string, value: string): ProviderRate {
  const [, provider, kind, each = "0", burst] = ratePattern.exec(value) ?? [];
  const perSecond = Number(each);
  const atOnce = burst === undefined ? Math.ceil(perSecond) : Number(burst);
  if (perSecond === 0 || atOnce === 0)
    throw new UsageError(
      `${place}: ${JSON.stringify(value)} is no rate; give [PROVIDER:]read|write|poll=PER_SECOND[:AT_ONCE], such as write=10:20`,
    );
  return { provider, kind: kind as RequestKind, rate: { perSecond, burst: atOnce } };
}
