// Asks many echo servers (`echo-server.ts`) at a time, from the namespace that it runs in. Reads a JSON list of
// questions from standard input and prints the list of their answers.
import { createSocket } from "node:dgram";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";

export interface Question {
  readonly protocol: "tcp" | "udp" | "http";
  readonly host: string;
  readonly port: number;
  /** The address to ask from; the kernel chooses by default. */
  readonly from?: string;
  /** How often it is asked, each time over a new connection or socket. */
  readonly count: number;
}

/** Everything that was answered, each once and sorted: `NAME client-address`, an error code, or `silence`. */
export type Answers = readonly string[];

const answerWithinMs = 4000;
/**
 * A datagram may be lost, as all UDP: the kernel drops the first of a flow when another takes its translated port at
 * the same moment. Once it is tracked, a flow keeps its endpoint, so that one which swallows what it gets stays silent.
 */
const sendAgainMs = 1000;

function ask({ protocol, host, port, from }: Question): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const fail = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.message);
  const timer = setTimeout(() => resolve("silence"), answerWithinMs);
  const close = { tcp: overTcp, udp: overUdp, http: overHttp }[protocol]({ host, port, from, resolve, fail });
  return promise.finally(() => {
    clearTimeout(timer);
    close();
  });
}

interface Attempt {
  readonly host: string;
  readonly port: number;
  readonly from: string | undefined;
  readonly resolve: (answer: string) => void;
  readonly fail: (error: NodeJS.ErrnoException) => void;
}

function overTcp({ host, port, from, resolve, fail }: Attempt): () => void {
  const socket = connect({ host, port, ...(from !== undefined && { localAddress: from }) });
  socket.setEncoding("utf8").once("data", (data) => resolve(String(data).trim()));
  socket.on("error", fail);
  return () => socket.destroy();
}

function overUdp({ host, port, from, resolve, fail }: Attempt): () => void {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("message", (data) => resolve(data.toString().trim()));
  socket.on("error", fail);
  let again: NodeJS.Timeout | undefined;
  // Connected, so that a port-unreachable comes back as an error.
  socket.bind({ ...(from !== undefined && { address: from }) }, () =>
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined) return fail(error);
      socket.send("question");
      again = setInterval(() => socket.send("question"), sendAgainMs);
    }),
  );
  return () => {
    clearInterval(again);
    socket.close();
  };
}

/** The status, how many endpoints the header names, and the body with its keys sorted. */
async function readAnswer(answer: IncomingMessage): Promise<string> {
  const entries = Object.entries(JSON.parse(await text(answer)) as object).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([answer.statusCode, answer.headers["x-load-balancing-endpoint-weight"], entries]);
}

function overHttp({ host, port, resolve, fail }: Attempt): () => void {
  const request = get({ host, port, agent: false }, (answer) => void readAnswer(answer).then(resolve, fail));
  request.on("error", fail);
  return () => request.destroy();
}

async function answer(question: Question): Promise<Answers> {
  const answers = new Set<string>();
  for (let i = 0; i < question.count && !answers.has("silence"); i++) answers.add(await ask(question));
  return [...answers].toSorted();
}

if (import.meta.main) {
  const questions = JSON.parse(await text(process.stdin)) as readonly Question[];
  process.stdout.write(JSON.stringify(await Promise.all(questions.map(answer))));
}
