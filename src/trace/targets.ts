import { markChange, type RuleExtension, type RuleOption } from "../kernel/index.ts";
import { type Ip, parseIp } from "../net/index.ts";
import type { Flight, World } from "./flight.ts";

export type Verdict = "ACCEPT" | "DROP" | "REJECT";

/** What a rule does with a packet that it matches. */
export type Target =
  /** Nothing that could be seen here: it counts, logs or touches what no rule asks for. */
  | { readonly kind: "none" }
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  | { readonly kind: "return" }
  /** Goes through another chain; with `goto` it does not come back to this one. */
  | { readonly kind: "chain"; readonly chain: string; readonly goto: boolean }
  /** Changes the packet; the next rule is tried. */
  | { readonly kind: "change"; readonly change: (flight: Flight) => Flight }
  /** Changes the packet and ends its way through the table. */
  | { readonly kind: "nat"; readonly change: (flight: Flight, world: World) => Flight }
  | { readonly kind: "unknown"; readonly why: string };

/** Those that change neither where a packet goes nor anything that a rule could ask for in this walk. */
const harmless: ReadonlySet<string> = new Set([
  "AUDIT",
  "CHECKSUM",
  "CLASSIFY",
  "CONNSECMARK",
  "LOG",
  "NFLOG",
  "SECMARK",
  "SET",
  "TCPMSS",
  "TRACE",
]);

export function targetOf(target: RuleExtension | undefined, goto: boolean, isChain: (name: string) => boolean): Target {
  if (target === undefined || harmless.has(target.name)) return { kind: "none" };
  if (isChain(target.name)) return { kind: "chain", chain: target.name, goto };
  switch (target.name) {
    case "ACCEPT":
    case "DROP":
    case "REJECT":
      return { kind: "verdict", verdict: target.name };
    case "RETURN":
      return { kind: "return" };
    case "MARK":
      return change(target, markOption, (mark) => (flight) => ({ ...flight, mark: changed(flight.mark, mark) }));
    case "CONNMARK":
      return connectionMark(target);
    case "CT":
      return target.options.some(({ name }) => name === "--notrack") ? noTrack : { kind: "none" };
    case "NOTRACK":
      return noTrack;
    case "DNAT":
      return dnat(target);
    case "REDIRECT":
      return redirect(target);
    case "SNAT":
      return snat(target);
    case "MASQUERADE":
      return { kind: "nat", change: (flight, world) => masqueraded(flight, world) };
    default:
      return {
        kind: "unknown",
        why: `${JSON.stringify(target.name)} is neither a chain of its table nor a known target`,
      };
  }
}

const noTrack: Target = { kind: "change", change: (flight) => ({ ...flight, tracking: "UNTRACKED" }) };

interface MarkChange {
  readonly value: number;
  readonly mask: number;
}

function changed(mark: number, { value, mask }: MarkChange): number {
  return ((mark & ~mask) ^ value) >>> 0;
}

function markOption(options: readonly RuleOption[]): MarkChange | undefined {
  const option = options.find(({ name }) => /^--(set-x?|and-|or-|xor-)mark$/.test(name));
  return option && markChange(option.name, option.values[0] ?? "");
}

function change<T>(
  { name, options }: RuleExtension,
  read: (options: readonly RuleOption[]) => T | undefined,
  apply: (value: T) => (flight: Flight) => Flight,
): Target {
  const value = read(options);
  return value === undefined
    ? { kind: "unknown", why: `what ${JSON.stringify(name)} does with these options is not known` }
    : { kind: "change", change: apply(value) };
}

function connectionMark(target: RuleExtension): Target {
  const has = (wanted: string): boolean => target.options.some(({ name }) => name === wanted);
  const mask = (name: string): number =>
    Number(target.options.find((option) => option.name === name)?.values[0] ?? 0xffff_ffff);
  const [nf, ct] = [mask("--nfmask"), mask("--ctmask")];
  if (has("--save-mark"))
    return {
      kind: "change",
      change: (flight) => ({ ...flight, connectionMark: ((flight.connectionMark & ~ct) ^ (flight.mark & nf)) >>> 0 }),
    };
  if (has("--restore-mark"))
    return {
      kind: "change",
      change: (flight) => ({ ...flight, mark: ((flight.mark & ~nf) ^ (flight.connectionMark & ct)) >>> 0 }),
    };
  return change(target, markOption, (mark) => (flight) => ({
    ...flight,
    connectionMark: changed(flight.connectionMark, mark),
  }));
}

function dnat({ options }: RuleExtension): Target {
  const text = options.find(({ name }) => name === "--to-destination")?.values[0] ?? "";
  const to = parseTarget(text);
  if (to === undefined) return { kind: "unknown", why: `where DNAT to ${JSON.stringify(text)} leads is not known` };
  return {
    kind: "nat",
    change: (flight) => ({
      ...flight,
      destination: to.ip ?? flight.destination,
      port: to.port ?? flight.port,
      translated: true,
    }),
  };
}

/** `address`, `address:port`, `[v6]:port`, `:port`; undefined for a range, out of which the kernel takes any. */
function parseTarget(text: string): { readonly ip: Ip | undefined; readonly port: number | undefined } | undefined {
  const plain = parseIp(text);
  if (plain !== undefined) return { ip: plain, port: undefined };
  const [, v6, v4, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  const address = v6 ?? v4 ?? "";
  const ip = parseIp(address);
  if ((ip === undefined && address !== "") || (address === "" && port === undefined)) return undefined;
  return { ip, port: port === undefined ? undefined : Number(port) };
}

function redirect({ options }: RuleExtension): Target {
  const text = options.find(({ name }) => name === "--to-ports")?.values[0];
  if (text !== undefined && !/^\d+$/.test(text))
    return { kind: "unknown", why: `where REDIRECT to ${JSON.stringify(text)} leads is not known` };
  return {
    kind: "nat",
    change: (flight, world) => ({
      ...flight,
      destination: here(flight, world),
      port: text === undefined ? flight.port : Number(text),
      translated: true,
    }),
  };
}

/**
 * Packets of the node itself are redirected to loopback, others to an address of the interface that they came through:
 * which addresses that has is not known here, so the main one stands for it.
 */
function here({ destination: { family }, input }: Flight, world: World): Ip {
  const loopback: Ip = { family, value: family === "IPv4" ? 0x7f00_0001n : 1n };
  return (input === "" ? undefined : world.mainAddress(family)) ?? loopback;
}

function snat({ options }: RuleExtension): Target {
  const text = options.find(({ name }) => name === "--to-source")?.values[0] ?? "";
  const source = parseTarget(text);
  if (source === undefined)
    return { kind: "unknown", why: `which source SNAT to ${JSON.stringify(text)} gives is not known` };
  return {
    kind: "nat",
    change: (flight) => ({ ...flight, source: source.ip ?? flight.source, sourceNat: "SNAT" }),
  };
}

/** The new source is an address of the interface through which it leaves; which one is not needed but by `-s` behind it. */
function masqueraded(flight: Flight, world: World): Flight {
  const { source } = flight;
  const own = source.value >> 24n === 127n && source.family === "IPv4" ? undefined : world.isLocal(source) && source;
  return { ...flight, source: own || world.mainAddress(source.family) || source, sourceNat: "MASQUERADE" };
}
