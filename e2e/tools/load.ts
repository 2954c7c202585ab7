// Steady traffic: new HTTP connections to one URL, one after the other over a few lanes, until SIGTERM; then prints
// `{"answered": N, "failures": [...]}`. Run as `node load.ts HOST PORT` in the client's namespace; prints `started`
// with the first answer.
import { get } from "node:http";

const [host = "", port = ""] = process.argv.slice(2);
const lanes = 4;
const answerWithinMs = 10_000;
const failures: string[] = [];
let answered = 0;
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

function ask(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const fail = (error: Error): void => {
    failures.push(error.message);
    resolve();
  };
  const request = get({ host, port: Number(port), path: "/", agent: false, timeout: answerWithinMs }, (answer) => {
    answer.on("error", fail);
    answer.on("end", () => {
      if (answer.statusCode !== 200) return fail(new Error(`status ${answer.statusCode}`));
      answered += 1;
      if (answered === 1) process.stdout.write("started\n");
      resolve();
    });
    answer.resume();
  });
  request.on("timeout", () => request.destroy(new Error("no answer")));
  request.on("error", fail);
  return promise;
}

async function lane(): Promise<void> {
  while (!stop.signal.aborted) await ask();
}

await Promise.all(Array.from({ length: lanes }, lane));
process.stdout.write(`${JSON.stringify({ answered, failures })}\n`);
