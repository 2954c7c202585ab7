import { Command } from "commander";

/** What a command knows of the process it runs in. */
export interface Process {
  /** Arguments behind `berth`, the sub-command first. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts on SIGINT, SIGTERM and SIGHUP; a command ends in order and returns. */
  readonly signal: AbortSignal;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** A sub-command's module: adds its options and its action to `command`. */
export interface CommandModule {
  /** A second signal ends it at once: it leaves nothing half done, however it ends. */
  readonly isCrashSafe?: boolean;
  define(command: Command, process: Process): void;
  /** The arguments as the command's options are spelt. */
  readonly normalizeArguments?: (args: readonly string[]) => readonly string[];
}

/** A command whose mistakes are told in one line that says where help is. */
export function newCommand(name: string): Command {
  return new Command(name).exitOverride().configureOutput({
    outputError: (text, write) => write(`${name}: ${text.trim().replace(/^error: |\.$/g, "")}; see '${name} --help'\n`),
  });
}
