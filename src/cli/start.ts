// The `berth` program: finds the command, loads only that one, and turns whatever goes wrong into one line and an exit
// code: 2 when the command line or a file is wrong, 1 when the work failed.
import { flushCompileCache } from "node:module";
import { type Command, CommanderError } from "commander";
import { errorMessage, isAbort, rootError, UsageError } from "../base/index.ts";
import { type CommandModule, newCommand, type Process } from "./command.ts";

/** What each command is for. */
const summaries = {
  agent: "run the node agent (replaces kube-proxy on its node)",
  controller: "run the load-balancer controller",
  balancer: "run the data path of one proxy load balancer",
  trace: "say what becomes of a packet, and by which rules of the node",
  explain: "say why a Service serves or does not, down to each endpoint",
  apiserver: "run the embedded Kubernetes API server",
  sandbox: "run a cluster of network namespaces on this machine",
} as const;

/** The commands that a program has, each loaded only when it is asked for. */
export type Commands = { readonly [Name in keyof typeof summaries]?: () => Promise<CommandModule> };

function namesOf(commands: Commands): readonly (keyof Commands)[] {
  return (Object.keys(summaries) as (keyof Commands)[]).filter((name) => commands[name] !== undefined);
}

function topLevel(commands: Commands): Command {
  const program = newCommand("berth")
    .description("Kubernetes Service networking in one operator")
    .usage("COMMAND [OPTIONS]")
    .helpCommand(false);
  for (const name of namesOf(commands)) program.command(name).description(summaries[name]);
  return program;
}

async function run(commands: Commands, process: Process): Promise<void> {
  const [word = "", ...args] = process.argv;
  const name = namesOf(commands).find((known) => known === word);
  const module = name === undefined ? undefined : await commands[name]?.();
  if (name === undefined || module === undefined) {
    const program = topLevel(commands);
    if (word === "") program.help({ error: true });
    // Help is printed by commander; whatever else comes back is no command of ours.
    program.parse(process.argv, { from: "user" });
    return;
  }
  if (module.isCrashSafe === true) impatienceMs = 0;
  // Node would keep what it compiled only at its end, and these processes run for long.
  flushCompileCache();
  const command = newCommand(`berth ${name}`).description(summaries[name]);
  module.define(command, process);
  await command.parseAsync(module.normalizeArguments?.(args) ?? args, { from: "user" });
}

function exitCode(thrown: unknown, process: Process): number {
  const error = rootError(thrown);
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  // A command whose ordinary end is a signal returns; one that throws was stopped before its work was done.
  if (isAbort(error, process.signal)) return signalExitCodes[stoppedBy];
  process.stderr.write(`berth ${process.argv[0] ?? ""}: ${errorMessage(error)}\n`);
  return error instanceof UsageError ? 2 : 1;
}

const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
let stoppedBy: keyof typeof signalExitCodes = "SIGTERM";
let stoppedAt = 0;
/** How long after the first signal a second one ends the process. */
let impatienceMs = 10_000;
const stop = new AbortController();
const self: Process = {
  argv: process.argv.slice(2),
  environment: process.env,
  signal: stop.signal,
  stdout: process.stdout,
  stderr: process.stderr,
};

function onSignal(name: keyof typeof signalExitCodes): void {
  // The first one asks the command to end in order. An impatient second must not leave half of that undone, but
  // whatever hangs can be ended.
  if (stop.signal.aborted) {
    if (performance.now() - stoppedAt >= impatienceMs) process.exit(signalExitCodes[name]);
    return;
  }
  stoppedAt = performance.now();
  stoppedBy = name;
  stop.abort(new Error(`stopped by ${name}`));
}

/** What a log file on a full disk says; room may come again, and until then all but the log goes on. */
const noRoom: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Runs the command that this process was started for, with what this process has of signals, streams and exit code. */
export async function start(commands: Commands): Promise<void> {
  process.on("SIGHUP", () => onSignal("SIGHUP"));
  // A terminal or a reader that has gone away: as a hang-up, and no reason to drop what has to be undone.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (noRoom.has(code)) return;
      // Each line that is written on the way out fails too, which is nobody's impatience.
      if (!stop.signal.aborted) onSignal("SIGHUP");
    });
  process.on("SIGINT", () => onSignal("SIGINT"));
  process.on("SIGTERM", () => onSignal("SIGTERM"));
  process.on("unhandledRejection", (error) => process.exit(exitCode(error, self) || 1));
  process.on("uncaughtException", (error) => process.exit(exitCode(error, self) || 1));

  try {
    await run(commands, self);
  } catch (error) {
    process.exitCode = exitCode(error, self);
  }
}
