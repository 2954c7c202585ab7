// Steady traffic: new HTTP connections to one URL, one after the other over a few lanes or so many a second whether
// they are answered or not, until SIGTERM; then prints `{"answered": N, "failures": [...]}`. Run as
// `node load.ts HOST PORT [PER-SECOND]` in the client's namespace; prints `started` with the first answer.
import { get } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

const [host = "", port = "", perSecond = "0"] = process.argv.slice(2);
const lanes = 4;
const tickMs = 10;
/** Long enough for a machine that is busy: how long the slowest answer took is told. */
const answerWithinMs = 60_000;
const failures: string[] = [];
let answered = 0;
let slowestMs = 0;
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

function ask(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begin = performance.now();
  const fail = (error: Error): void => {
    failures.push(error.message);
    resolve();
  };
  const request = get({ host, port: Number(port), path: "/", agent: false, timeout: answerWithinMs }, (answer) => {
    answer.on("error", fail);
    answer.on("end", () => {
      if (answer.statusCode !== 200) return fail(new Error(`status ${answer.statusCode}`));
      answered += 1;
      slowestMs = Math.max(slowestMs, Math.ceil(performance.now() - begin));
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

/** Sends at its pace, however long answers take; resolves when the last one is there. */
async function pace(rate: number): Promise<void> {
  const asked: Promise<void>[] = [];
  for (const begin = performance.now(); !stop.signal.aborted; await wait(tickMs)) {
    while (asked.length < ((performance.now() - begin) * rate) / 1000) asked.push(ask());
  }
  await Promise.all(asked);
}

const begin = performance.now();
await (Number(perSecond) > 0 ? pace(Number(perSecond)) : Promise.all(Array.from({ length: lanes }, lane)));
const seconds = Math.round((performance.now() - begin) / 1000);
process.stdout.write(`${JSON.stringify({ answered, failures, slowestMs, seconds })}\n`);
