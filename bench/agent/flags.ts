import { Command, Option } from "commander";
import { UsageError } from "../../src/base/index.ts";
import { parseCount } from "../count.ts";
import { type Backend, backends } from "./tools.ts";

/** Under what a contender lives. */
export interface Case {
  readonly services: number;
  readonly backend: Backend;
}

export interface Flags {
  readonly cases: readonly Case[];
  readonly rounds: number;
  /** In each life, one at a time. */
  readonly changes: number;
  /** Seconds under changes, and half as many at rest. */
  readonly watch: number;
}

const most = { services: 10_000, rounds: 100, changes: 10_000, watch: 3600 } as const;
const defaultCases = "1000/nft,1000/legacy,10000/legacy";

/** Reads the command line; throws commander's own error after it has printed help. */
export function parseFlags(argv: readonly string[]): Flags {
  const count = (flag: string, most: number): ((text: string) => number) => {
    return (text) => parseCount(flag, text, most);
  };
  return new Command("bench/agent")
    .description("Measures the agent side by side with kube-proxy (iptables) in a sandbox cluster; needs root.")
    .addOption(
      new Option("--cases <list>", "numbers of Services, 5 endpoints each, and the backend of iptables")
        .default(parseCases(defaultCases), defaultCases)
        .argParser(parseCases),
    )
    .addOption(
      new Option("--rounds <count>", "lives of each contender in each case")
        .default(1)
        .argParser(count("--rounds", most.rounds)),
    )
    .addOption(
      new Option("--changes <count>", "changes of endpoints that each life sees alone")
        .default(200)
        .argParser(count("--changes", most.changes)),
    )
    .addOption(
      new Option(
        "--watch <seconds>",
        "how long each life is watched under ten changes a second, and half as long at rest",
      )
        .default(60)
        .argParser(count("--watch", most.watch)),
    )
    .exitOverride()
    .showHelpAfterError("see 'bench/agent --help'")
    .parse(argv, { from: "user" })
    .opts<Flags>();
}

/** Few Services first: they are made once and stay. */
function parseCases(text: string): readonly Case[] {
  return text
    .split(",")
    .map(parseCase)
    .toSorted((a, b) => a.services - b.services);
}

function parseCase(text: string): Case {
  const [services = "", name = "nft", ...rest] = text.split("/");
  const backend = backends.find((each) => each === name);
  if (backend === undefined || rest.length > 0)
    throw new UsageError(`--cases: ${JSON.stringify(text)} is no case; give SERVICES/nft or SERVICES/legacy`);
  return { services: parseCount("--cases", services, most.services), backend };
}
