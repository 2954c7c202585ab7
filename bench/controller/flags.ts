import { Command, Option } from "commander";
import { parseCount } from "../count.ts";

export interface Flags {
  readonly services: number;
  readonly nodes: number;
  readonly rounds: number;
  readonly server: "real" | "sandbox";
}

const most = { services: 20_000, nodes: 1000, rounds: 100 } as const;

/** Reads the command line; throws commander's own error after it has printed help. */
export function parseFlags(argv: readonly string[]): Flags {
  const count = (flag: keyof typeof most, initial: number, text: string): Option =>
    new Option(`--${flag} <count>`, text)
      .default(initial)
      .argParser((value) => parseCount(`--${flag}`, value, most[flag]));
  return new Command("bench/controller/restart")
    .description("Measures what a restart of the controller costs when nothing has changed.")
    .addOption(count("services", 1000, "Services of type LoadBalancer"))
    .addOption(count("nodes", 20, "nodes, each with an agent's Lease"))
    .addOption(count("rounds", 5, "restarts"))
    .addOption(
      new Option("--server <which>", "the API server: kube-apiserver itself or ours")
        .choices(["real", "sandbox"])
        .default("real"),
    )
    .exitOverride()
    .showHelpAfterError("see 'bench/controller/restart --help'")
    .parse(argv, { from: "user" })
    .opts<Flags>();
}
