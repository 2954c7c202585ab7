import { Command, Option } from "commander";
import { parseCount } from "../count.ts";

export interface Flags {
  readonly services: number;
  readonly seconds: number;
}

const most = { services: 20_000, seconds: 3600 } as const;

/** Reads the command line; throws commander's own error after it has printed help. */
export function parseFlags(argv: readonly string[]): Flags {
  const count = (flag: keyof typeof most, initial: number, text: string): Option =>
    new Option(`--${flag} <count>`, text)
      .default(initial)
      .argParser((value) => parseCount(`--${flag}`, value, most[flag]));
  return new Command("bench/gcp")
    .description(
      "Counts what the provider gcp-l4 asks of Compute Engine, and measures the controller's process with it.",
    )
    .addOption(count("services", 50, "Services of the process that is measured"))
    .addOption(count("seconds", 60, "how long all is refused"))
    .exitOverride()
    .showHelpAfterError("see 'bench/gcp --help'")
    .parse(argv, { from: "user" })
    .opts<Flags>();
}
