import { Command, Option } from "commander";
import { parseCount } from "../count.ts";

export interface Flags {
  readonly slices: number;
  readonly changes: number;
  readonly rounds: number;
  readonly server: "real" | "sandbox";
}

const most = { slices: 20_000, changes: 20_000, rounds: 100 } as const;

/** Reads the command line; throws commander's own error after it has printed help. */
export function parseFlags(argv: readonly string[]): Flags {
  const count = (flag: keyof typeof most, initial: number, text: string): Option =>
    new Option(`--${flag} <count>`, text)
      .default(initial)
      .argParser((value) => parseCount(`--${flag}`, value, most[flag]));
  return new Command("bench/kube")
    .description("Measures our informer side by side with those of client-node and client-go.")
    .addOption(count("slices", 10_000, "EndpointSlices, 10 endpoints each"))
    .addOption(count("changes", 2000, "writes in a row that each contender follows"))
    .addOption(count("rounds", 2, "lives of each contender"))
    .addOption(
      new Option("--server <which>", "the API server: kube-apiserver itself or ours")
        .choices(["real", "sandbox"])
        .default("real"),
    )
    .exitOverride()
    .showHelpAfterError("see 'bench/kube --help'")
    .parse(argv, { from: "user" })
    .opts<Flags>();
}
