// The process that asks from inside a node's network namespace. Reads questions as lines of JSON and answers each
// with the instant at which one of the named pods answered a new connection. It asks on until then: a connection
// whose first packet came before the rules is lost for good, as its flow is remembered untranslated.
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { instant } from "../instant.ts";

export interface Question {
  readonly host: string;
  readonly port: number;
  /** Names of pods. */
  readonly pods: readonly string[];
}

/** From one attempt to the next: how exact the answers are. */
const everyMs = 4;
const giveUpAfterMs = 200;

function firstAnswer({ host, port, pods }: Question): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const open = new Set<Socket>();
  const attempt = (): void => {
    const socket = connect({ host, port, noDelay: true });
    open.add(socket);
    // Refused or reset: the next attempt tells.
    socket.on("error", () => {});
    socket.setTimeout(giveUpAfterMs, () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    socket.on("connect", () => socket.write("who\n"));
    socket.once("data", (line: Buffer) => {
      const at = instant();
      const { pod } = JSON.parse(line.toString()) as { pod: string };
      if (pods.includes(pod)) resolve(at);
      socket.destroy();
    });
  };
  const timer = setInterval(attempt, everyMs);
  attempt();
  return promise.finally(() => {
    clearInterval(timer);
    for (const socket of open) socket.destroy();
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await firstAnswer(JSON.parse(line) as Question)}\n`);
}
