import { Command, Option } from "commander";
import { UsageError } from "../src/base/index.ts";

export interface Flags {
  /** Numbers of Services, ascending. */
  readonly services: readonly number[];
  readonly rounds: number;
}

const most = { services: 10_000, rounds: 100 } as const;

/** Reads the command line; throws commander's own error after it has printed help. */
export function parseFlags(argv: readonly string[]): Flags {
  return new Command("bench")
    .description("Measures the agent side by side with kube-proxy (iptables) in a sandbox cluster; needs root.")
    .addOption(
      new Option("--services <counts>", "numbers of Services, 5 endpoints each")
        .default([100, 1000], "100,1000")
        .argParser(parseServices),
    )
    .addOption(
      new Option("--rounds <count>", "lives of each contender at each number of Services")
        .default(3)
        .argParser((text) => parseCount("--rounds", text, most.rounds)),
    )
    .exitOverride()
    .showHelpAfterError("see 'bench --help'")
    .parse(argv, { from: "user" })
    .opts<Flags>();
}

function parseServices(text: string): readonly number[] {
  const counts = text.split(",").map((part) => parseCount("--services", part, most.services));
  return [...new Set(counts)].toSorted((a, b) => a - b);
}

export function parseCount(flag: string, text: string, most: number): number {
  const count = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= most)) throw new UsageError(`${flag}: ${JSON.stringify(text)} is no count; give 1 to ${most}`);
  return count;
}
