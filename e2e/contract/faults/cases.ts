import type { WatchTimes } from "../../../src/kube/watches.ts";
import { type Fault, pass, refuse, type Script, type StreamEnd, status } from "./script.ts";

/** One fault that a cache has to live through. */
export interface FaultCase {
  readonly name: string;
  readonly script: Script;
  /** Whether the client may go on where it was: then no change may be missing, however short-lived the object. */
  readonly resumes: boolean;
  readonly pageSize?: number;
  readonly watchTimes?: Partial<WatchTimes>;
}

/** The first state of three objects and its end, and one change. */
const atSecondChange = 5;
/** The same for a watch that began after a list. */
const listedAtSecondChange = 1;

function cut(end: StreamEnd, last?: "half" | { text: string }, after = atSecondChange): Fault {
  return { do: "break", after, end, ...(last !== undefined && { last }) };
}

function text(text: string): { text: string } {
  return { text };
}

function errorEvent(code: number, reason: string): { text: string } {
  return text(`${JSON.stringify({ type: "ERROR", object: status(code, reason) })}\n`);
}

function event(type: string, object: object): { text: string } {
  return text(`${JSON.stringify({ type, object })}\n`);
}

const stranger = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "x", resourceVersion: "1" } };
const nameless = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };

/** Short enough for a test. On a slow machine healthy connections are given up, too, which must do no harm. */
export const impatient: Partial<WatchTimes> = { ping: { intervalMs: 50, deadlineMs: 300 }, silenceMs: 400 };

const breaks: readonly FaultCase[] = [
  { name: "connection reset within a line", script: { watch: [cut("reset", "half")] }, resumes: true },
  { name: "connection ended", script: { watch: [cut("fin")] }, resumes: true },
  { name: "half-open connection", script: { watch: [cut("freeze")] }, resumes: true, watchTimes: impatient },
  { name: "end of the stream", script: { watch: [cut("end")] }, resumes: true },
  { name: "end within a line", script: { watch: [cut("end", "half")] }, resumes: true },
  { name: "garbage line", script: { watch: [cut("stay", text("<html>\n"))] }, resumes: true },
  { name: "event of another kind", script: { watch: [cut("stay", event("ADDED", stranger))] }, resumes: true },
  { name: "event without metadata", script: { watch: [cut("stay", event("MODIFIED", nameless))] }, resumes: true },
  { name: "ERROR event 410", script: { watch: [cut("stay", errorEvent(410, "Expired"))] }, resumes: false },
  { name: "ERROR event 500", script: { watch: [cut("stay", errorEvent(500, "InternalError"))] }, resumes: false },
];

function afterReset(name: string, resumes: boolean, ...faults: readonly Fault[]): FaultCase {
  return { name, resumes, script: { watch: [cut("reset", "half"), ...faults] } };
}

const answers: readonly FaultCase[] = [
  afterReset("500", false, refuse(500, "InternalError"), refuse(500, "InternalError")),
  afterReset("503", true, refuse(503, "ServiceUnavailable")),
  afterReset("429 with Retry-After", true, refuse(429, "TooManyRequests", { "retry-after": "1" })),
  afterReset("410", false, refuse(410, "Expired")),
  afterReset("401", true, refuse(401, "Unauthorized")),
  afterReset("403", true, refuse(403, "Forbidden"), refuse(403, "Forbidden")),
  afterReset("a proxy's page as an error", true, { do: "answer", status: 502, body: "<h1>Bad Gateway</h1>" }),
  afterReset("a proxy's page as an answer", true, { do: "answer", status: 200, body: "<h1>Welcome</h1>" }),
  afterReset("an empty answer", true, { do: "answer", status: 200, body: "" }),
  { ...afterReset("no answer", true, { do: "mute" }), watchTimes: { answerMs: 500 } },
  afterReset("duplicated events", true, { do: "twice" }),
  afterReset("replayed events", false, { do: "replay" }),
  afterReset("a slow server", true, { do: "trickle" }),
  { name: "duplicated first state", resumes: true, script: { watch: [{ do: "twice" }] } },
  {
    name: "failing look at the version",
    resumes: true,
    script: { watch: [cut("reset")], look: [refuse(503, "ServiceUnavailable")] },
  },
];

function listed(name: string, watch: readonly Fault[], rest: Omit<Script, "watch"> = {}): FaultCase {
  return { name, resumes: false, pageSize: 2, script: { ...rest, watch } };
}

const refused = refuse(422, "Invalid");
const listedBreak = cut("reset", "half", listedAtSecondChange);
const gone = refuse(410, "Expired");

const lists: readonly FaultCase[] = [
  { ...listed("WatchList refused with 422", [refused, listedBreak]), resumes: true },
  { ...listed("WatchList refused with 400", [refuse(400, "BadRequest"), listedBreak]), resumes: true },
  listed("WatchList refused, later 410", [refused, listedBreak, gone]),
  listed("expired page token", [refused, listedBreak, gone], { page: [pass, gone] }),
  listed("first list expired on its way", [refused, listedBreak], { page: [gone] }),
  listed("500 on a list", [refused, listedBreak, gone], { list: [pass, refuse(500, "InternalError")] }),
  listed("503 on a page", [refused, listedBreak, gone], { page: [pass, refuse(503, "ServiceUnavailable")] }),
  listed("list lost on its way", [refused, listedBreak, gone], { list: [pass, { do: "lose" }] }),
  listed("list of another kind", [refused, listedBreak, gone], {
    list: [pass, { do: "answer", status: 200, body: { kind: "PodList", apiVersion: "v1", metadata: {}, items: [] } }],
  }),
];

/** Not `freeze`: over HTTP/1.1 the next request would wait for its own time-out on the frozen connection. */
const ends: readonly StreamEnd[] = ["end", "fin", "reset"];
const halves: readonly Fault[] = ends.flatMap((end) => [0, 1, 4, 6].map((after) => cut(end, "half", after)));

/** To be mixed at will; none of them makes a client wait. */
export const watchFaults: readonly Fault[] = [
  ...halves,
  ...["<html>\n", "\n", "null\n"].map((line) => cut("stay", text(line), 1)),
  cut("stay", errorEvent(410, "Expired"), 2),
  cut("stay", errorEvent(500, "InternalError"), 2),
  ...[401, 403, 410, 422, 500, 503].map((code) => refuse(code, "Refused")),
  ...(["pass", "twice", "replay", "trickle"] as const).map((what) => ({ do: what })),
];

/** The same for every list, page and look at the version. */
export const listFaults: readonly Fault[] = [
  ...[403, 410, 500, 503].map((code) => refuse(code, "Refused")),
  { do: "lose" },
  { do: "answer", status: 200, body: "" },
  pass,
];

export const faultCases: readonly FaultCase[] = [...breaks, ...answers, ...lists];
