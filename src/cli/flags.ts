// Flag values -> values that the code works with. Each parser throws UsageError naming the flag, what it got and
// what it takes.
import { type Command, Option } from "commander";
import { UsageError } from "../base/index.ts";
import { type Cidr, type PortRange, parseCidr, parseIp, parsePortRange } from "../net/index.ts";
import { createLogger, type LogFormat, type Logger, type LogLevel, logLevels } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { durationMs, parseGoDuration } from "./go-duration.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1:80`, `[::1]:80`; an empty host is every address. */
export function parseHostPort(flag: string): (text: string) => HostPort {
  return (text) => {
    const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
    const host = match?.[1] ?? match?.[2] ?? "";
    const port = Number(match?.[3]);
    if (match === null || port > 65_535 || (host !== "" && parseIp(host) === undefined))
      throw new UsageError(
        `${flag}: ${JSON.stringify(text)} is no address; give IP:PORT, such as 127.0.0.1:8080 or [::]:8080`,
      );
    return { host: host === "" ? "::" : host, port };
  };
}

/** A flag that takes `IP:PORT`. */
export function addressOption(flag: string, description: string, fallback: string): Option {
  const parse = parseHostPort(flag);
  return new Option(`${flag} <address>`, description).default(parse(fallback), fallback).argParser(parse);
}

/** A prefix, collected: the flag may be repeated or hold a comma list. */
export function collectCidrs(flag: string): (text: string, before: readonly Cidr[] | undefined) => readonly Cidr[] {
  return (text, before = []) => [
    ...before,
    ...text.split(",").map((part) => {
      const cidr = parseCidr(part.trim());
      if (cidr === undefined)
        throw new UsageError(`${flag}: ${JSON.stringify(part)} is no prefix; give ADDRESS/BITS, such as 10.96.0.0/16`);
      return cidr;
    }),
  ];
}

export function parsePortRangeFlag(flag: string): (text: string) => PortRange {
  return (text) => {
    const range = parsePortRange(text);
    if (range === undefined)
      throw new UsageError(`${flag}: ${JSON.stringify(text)} is no port range; give FIRST-LAST, such as 30000-32767`);
    return range;
  };
}

/** SSH, BGP, etcd, the API server, kubelet and its neighbours, NodePorts. */
export const defaultReservedPorts = "22,179,2379-2380,6443,10249-10259,30000-32767";

/** Port ranges with commas between them, none for an empty text; undefined when one is none. */
export function parsePortRanges(text: string): readonly PortRange[] | undefined {
  const ranges = (text === "" ? [] : text.split(",")).map((one) => parsePortRange(one.trim()));
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

/** A duration as Go writes it: `100ms`, `1s`, `1m30s`. In milliseconds. */
export function parseDuration(flag: string): (text: string) => number {
  return (text) => {
    const ns = parseGoDuration(text);
    if (ns === undefined || ns < 0n)
      throw new UsageError(`${flag}: ${JSON.stringify(text)} is no duration; give one such as 100ms, 1s or 1m30s`);
    return durationMs(ns);
  };
}

export interface LogFlags {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export function addLogFlags(command: Command): Command {
  return command
    .addOption(new Option("--log-level <level>", "least severe level to write").choices(logLevels).default("info"))
    .addOption(new Option("--log-format <format>", "how a line looks").choices(["json", "text"]).default("json"));
}

export function loggerFor({ logLevel, logFormat }: LogFlags, process: Process): Logger {
  return createLogger({ level: logLevel, format: logFormat, stream: process.stderr });
}
