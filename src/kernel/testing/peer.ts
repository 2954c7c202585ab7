import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { netnsPath } from "../exec.ts";
import type { PeerCommands } from "./peer-main.ts";

/** A process in a network namespace that serves and asks as it is told. For tests only. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<unknown>;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  constructor(netns: string) {
    const command = [`--net=${netnsPath(netns)}`, "--", process.execPath, `${import.meta.dirname}/peer-main.ts`];
    this.#child = spawn("nsenter", command, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin.on("error", () => {});
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, answer } = JSON.parse(line) as { id: number; answer: unknown };
      this.#open.get(id)?.resolve(answer);
      this.#open.delete(id);
    });
    this.#ended = once(this.#child, "close");
    this.#child.on("close", () => {
      for (const { reject } of this.#open.values()) reject(new Error(`the peer in ${netns} has ended`));
    });
  }

  /** Questions are worked on side by side. */
  async ask<K extends keyof PeerCommands>(
    command: K,
    args: PeerCommands[K]["args"],
  ): Promise<PeerCommands[K]["answer"]> {
    const id = ++this.#asked;
    const reply = Promise.withResolvers<unknown>();
    this.#open.set(id, reply);
    this.#child.stdin.write(`${JSON.stringify({ id, command, args })}\n`);
    return (await reply.promise) as PeerCommands[K]["answer"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
