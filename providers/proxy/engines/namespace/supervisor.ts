import { type ChildProcess, spawn } from "node:child_process";
import { open, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { balancerFiles } from "../../../../src/balancer/config.ts";
import type { Clock } from "../../../../src/base/index.ts";
import { isRunning, netnsPath, type ProcessId, parseProcess, signalProcess } from "../../../../src/kernel/index.ts";
import type { StepResult } from "../../../../src/provider/index.ts";
import { readText } from "../../files.ts";
import type { Names } from "../../names.ts";
import type { ProcessState } from "../../observation.ts";

export interface SupervisorOptions {
  /** Program and arguments that start a balancer; `--state-dir DIRECTORY` follows. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** A balancer gets this long to end by itself. */
const graceMs = 2000;
const pollMs = 50;
const logFile = "balancer.log";

/**
 * Starts and stops balancer processes. They outlive us: what runs is told by the pid file that each writes itself.
 * Only the short time between the start and that file is remembered here.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #starting = new Map<string, Start>();
  readonly #killAt = new Map<string, number>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  async observe(names: Names): Promise<ProcessState> {
    const id = await this.#find(names);
    if (id === undefined) return "none";
    this.#starting.delete(names.directory);
    return (await sameNetns(id, names.netns)) ? "running" : "astray";
  }

  /** `check` throws when nothing may be changed any more, and is asked right before anything is; so it is for `stop`. */
  async start(names: Names, check: () => void): Promise<StepResult> {
    if ((await this.#find(names)) !== undefined) return { state: "done" };
    const start = this.#starting.get(names.directory);
    if (start?.ended !== undefined) {
      this.#starting.delete(names.directory);
      throw new Error(`the balancer ended at once (${start.ended}): ${await lastLine(names)}`);
    }
    if (start === undefined) this.#starting.set(names.directory, await this.#spawn(names, check));
    return { state: "pending", what: "the balancer is starting", pollAfterMs: pollMs };
  }

  async stop(names: Names, check: () => void): Promise<StepResult> {
    const { clock } = this.#options;
    this.#starting.get(names.directory)?.child.kill("SIGKILL");
    this.#starting.delete(names.directory);
    const id = await this.#find(names);
    check();
    const killAt = this.#killAt.get(names.directory);
    if (id === undefined || (killAt !== undefined && clock.monotonic() >= killAt && !signalProcess(id, "SIGKILL"))) {
      this.#killAt.delete(names.directory);
      return { state: "done" };
    }
    if (killAt === undefined) {
      signalProcess(id, "SIGTERM");
      this.#killAt.set(names.directory, clock.monotonic() + graceMs);
    }
    return { state: "pending", what: "the balancer is ending", pollAfterMs: pollMs };
  }

  async #find({ directory }: Names): Promise<ProcessId | undefined> {
    const id = parseProcess((await readText(join(directory, balancerFiles.pid))) ?? "");
    return id !== undefined && isRunning(id) ? id : undefined;
  }

  async #spawn({ directory, netns }: Names, check: () => void): Promise<Start> {
    const { command, environment } = this.#options;
    const log = await open(join(directory, logFile), "a");
    try {
      const args = [`--net=${netnsPath(netns)}`, "--", ...command, "--state-dir", directory];
      check();
      const child = spawn("nsenter", args, {
        detached: true,
        cwd: "/",
        env: environment,
        stdio: ["ignore", log.fd, log.fd],
      });
      child.unref();
      const start: Start = { child, ended: undefined };
      child.on("error", (error) => (start.ended = error.message));
      child.on("exit", (code, signal) => (start.ended = code === null ? `${signal}` : `exit code ${code}`));
      return start;
    } finally {
      await log.close();
    }
  }
}

interface Start {
  readonly child: ChildProcess;
  /** How it ended. */
  ended: string | undefined;
}

/** Compares what the process is in with what bears the name now. */
async function sameNetns({ pid }: ProcessId, netns: string): Promise<boolean> {
  try {
    const [own, named] = await Promise.all([readlink(`/proc/${pid}/ns/net`), stat(netnsPath(netns))]);
    return own === `net:[${named.ino}]`;
  } catch {
    return false;
  }
}

async function lastLine({ directory }: Names): Promise<string> {
  const text = (await readText(join(directory, logFile))) ?? "";
  return text.trimEnd().split("\n").at(-1) ?? "";
}
