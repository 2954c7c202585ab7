// `bin/berth` as its users run it.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";

const launcher = new URL("../../bin/berth", import.meta.url).pathname;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** All that it has written to standard output so far. */
  output(): string;
  /** Resolves when standard output holds the text; rejects when the command ends without. */
  until(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** Starts a command; `prefix` is what runs it (`setpriv ...`), `environment` is laid over our own. */
export function berth(
  args: readonly string[],
  { prefix = [], environment = {} }: { prefix?: readonly string[]; environment?: Record<string, string> } = {},
): Running {
  const [program = launcher, ...rest] = [...prefix, launcher, ...args];
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text.stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...text })));
  return {
    child,
    output: () => text.stdout,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!text.stdout.includes(wanted)) return;
          child.stdout.off("data", look);
          resolve();
        };
        child.stdout.on("data", look);
        void ended.then(({ code, stderr }) => reject(new Error(`ended with ${code} before "${wanted}": ${stderr}`)));
        look();
      }),
    ended,
  };
}
