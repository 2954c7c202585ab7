// Steady TCP traffic to echo servers (`echo-server.ts`) from the namespace that it runs in, until SIGTERM: new
// connections over a few lanes, and one to each target that stays and is used all the time.
// `node connection-load.ts HOST,PORT...` prints how many connections were answered, a line for every hundred, and
// last a `Report` as JSON.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Report {
  readonly answered: number;
  /** Of new connections. */
  readonly failures: readonly string[];
  /**
   * How often anybody in the namespace had to send the first packet of a connection again; not at the beginning, when
   * neighbours have to be found.
   */
  readonly lost: number;
  /** How often each connection that stays was answered. */
  readonly held: readonly number[];
  /** Of connections that stay. */
  readonly broken: readonly string[];
}

const lanes = 3;
const answerWithinMs = 10_000;
const betweenEchoesMs = 50;

interface Target {
  readonly host: string;
  readonly port: number;
}

const targets = process.argv.slice(2).map((text): Target => {
  const [host = "", port = ""] = text.split(",");
  return { host, port: Number(port) };
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

let answered = 0;
let lostBefore = 0;
const failures: string[] = [];
const broken: string[] = [];

/** The next line that comes; rejects when none comes. */
function line(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("no answer")), answerWithinMs);
  const ended = (): void => reject(new Error("closed"));
  socket
    .once("data", () => resolve())
    .once("error", reject)
    .once("close", ended);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.off("error", reject).off("close", ended);
  });
}

async function lane(): Promise<void> {
  while (!stop.signal.aborted) for (const target of targets) await tryOnce(target);
}

async function tryOnce(target: Target): Promise<void> {
  const socket = connect({ ...target });
  try {
    await line(socket);
    answered += 1;
    if (answered === 100) lostBefore = synRetransmissions();
    if (answered % 100 === 0) process.stdout.write(`${answered}\n`);
  } catch (error) {
    failures.push(`${target.host}: ${(error as Error).message}`);
  } finally {
    socket.on("error", () => {}).destroy();
  }
}

/** Uses one connection until the end, and once more then. */
async function hold(target: Target): Promise<number> {
  const socket = connect({ ...target, noDelay: true });
  let echoes = 0;
  try {
    await line(socket);
    for (let last = false; !last; ) {
      await sleep(betweenEchoesMs);
      last = stop.signal.aborted;
      const echoed = line(socket);
      socket.write("still there?\n");
      await echoed;
      echoes += 1;
    }
  } catch (error) {
    broken.push(`${target.host} after ${echoes} answers: ${(error as Error).message}`);
  } finally {
    socket.on("error", () => {}).destroy();
  }
  return echoes;
}

/** The kernel prints a line of names and a line of numbers. */
function synRetransmissions(): number {
  const [names = [], numbers = []] = readFileSync("/proc/net/netstat", "utf8")
    .split("\n")
    .filter((row) => row.startsWith("TcpExt:"))
    .map((row) => row.split(" "));
  return Number(numbers[names.indexOf("TCPSynRetrans")]);
}

const [held] = await Promise.all([Promise.all(targets.map(hold)), ...Array.from({ length: lanes }, () => lane())]);
const report: Report = { answered, failures, lost: synRetransmissions() - lostBefore, held, broken };
process.stdout.write(`${JSON.stringify(report)}\n`);
