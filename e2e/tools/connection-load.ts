// Steady traffic to echo servers (`echo-server.ts`) from the namespace that it runs in, until SIGTERM: new TCP
// connections over a few lanes, and to each target one connection or UDP flow that stays and is used all the time.
// `node connection-load.ts tcp,HOST,PORT... udp,HOST,PORT...` prints how many new connections were answered, a line for
// every hundred, and last a `Report` as JSON.
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
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
  /** How often each connection or flow that stays was answered. */
  readonly held: readonly number[];
  /** Of connections and flows that stay. */
  readonly broken: readonly string[];
}

interface Target {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

/** A way to a server: whatever comes is an answer. */
interface Dialogue extends Disposable {
  /** The next answer; rejects when none comes. */
  answer(): Promise<void>;
  say(text: string): void;
}

const lanes = 3;
const answerWithinMs = 10_000;
const betweenEchoesMs = 50;

const targets = process.argv.slice(2).map((text): Target => {
  const [protocol = "", host = "", port = ""] = text.split(",");
  return { protocol, host, port: Number(port) };
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

let answered = 0;
let lostBefore = 0;
const failures: string[] = [];
const broken: string[] = [];

/** `listen` is given what to call with an answer and with the reason why there will be none. */
function within(listen: (resolve: () => void, reject: (error: Error) => void) => () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("no answer")), answerWithinMs);
  const end = listen(resolve, reject);
  return promise.finally(() => {
    clearTimeout(timer);
    end();
  });
}

/** The server greets. */
function overTcp({ host, port }: Target): Dialogue {
  const socket = connect({ host, port, noDelay: true });
  return {
    answer: () =>
      within((resolve, reject) => {
        const closed = (): void => reject(new Error("closed"));
        socket.once("data", resolve).once("error", reject).once("close", closed);
        return () => socket.off("data", resolve).off("error", reject).off("close", closed);
      }),
    say: (text) => socket.write(text),
    [Symbol.dispose]: () => socket.on("error", () => {}).destroy(),
  };
}

/** From one port all the time. */
function overUdp({ host, port }: Target): Dialogue {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  return {
    answer: () =>
      within((resolve, reject) => {
        socket.once("message", resolve).once("error", reject);
        return () => socket.off("message", resolve).off("error", reject);
      }),
    say: (text) => socket.send(text, port, host),
    [Symbol.dispose]: () => socket.close(),
  };
}

async function lane(): Promise<void> {
  while (!stop.signal.aborted)
    for (const target of targets.filter(({ protocol }) => protocol === "tcp")) await tryOnce(target);
}

async function tryOnce(target: Target): Promise<void> {
  using dialogue = overTcp(target);
  try {
    await dialogue.answer();
    answered += 1;
    if (answered === 100) lostBefore = synRetransmissions();
    if (answered % 100 === 0) process.stdout.write(`${answered}\n`);
  } catch (error) {
    failures.push(`${target.host}: ${(error as Error).message}`);
  }
}

/** Uses one connection or flow until the end, and once more then; how often it was answered. */
async function hold(target: Target): Promise<number> {
  using dialogue = target.protocol === "tcp" ? overTcp(target) : overUdp(target);
  let echoes = 0;
  try {
    if (target.protocol === "tcp") await dialogue.answer();
    for (let last = false; !last; ) {
      await sleep(betweenEchoesMs);
      last = stop.signal.aborted;
      const echoed = dialogue.answer();
      dialogue.say("still there?\n");
      await echoed;
      echoes += 1;
    }
  } catch (error) {
    broken.push(`${target.protocol} ${target.host} after ${echoes} answers: ${(error as Error).message}`);
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
