// The process that asks from inside a network namespace. Reads questions as lines of JSON and answers each with the
// instant at which one of the named pods answered a new connection with HTTP's 200. It asks on until then: a
// connection whose first packet came before the rules is lost for good, as its flow is remembered untranslated.
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { instant } from "./instant.ts";

export interface Question {
  readonly host: string;
  readonly port: number;
  /** Names of pods. */
  readonly pods: readonly string[];
}

/** From one attempt to the next: how exact the answers are. */
const everyMs = 4;
const giveUpAfterMs = 200;
const request = "GET / HTTP/1.0\r\n\r\n";

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
    socket.on("connect", () => socket.write(request));
    socket.once("data", (answer: Buffer) => {
      const at = instant();
      if (pods.includes(podOf(answer.toString()))) resolve(at);
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

/** Empty when it is no 200. */
function podOf(answer: string): string {
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  if (!head.startsWith("HTTP/1.1 200 ")) return "";
  return (JSON.parse(body) as { pod: string }).pod;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await firstAnswer(JSON.parse(line) as Question)}\n`);
}
