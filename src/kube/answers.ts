import type { Resource } from "../api/index.ts";
import { oneLine } from "../base/index.ts";
import { BadAnswerError, BrokenStreamError } from "./errors.ts";

// What an API server would never say, and whatever answers in its place does: told here, before it is taken for
// state of the cluster.

/** More than any list of 500 objects that etcd takes (1.5 MiB each at most, a few KiB in truth); less than memory. */
export const maxAnswerBytes: number = 128 * 1024 * 1024;

/** Reads an answer to its end; throws rather than fill the memory. */
export async function readAnswer(body: AsyncIterable<Uint8Array>, what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxAnswerBytes)
      throw new BadAnswerError(what, `more than ${maxAnswerBytes / 1024 / 1024} MiB`, "too large to be read at once");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The answer of one piece as it should be: one object of JSON. */
export function parseAnswer(text: string, what: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadAnswerError(what, text === "" ? "nothing" : shown(text));
  }
  if (typeof value !== "object" || value === null) throw new BadAnswerError(what, shown(text));
  return value;
}

/** An object of the kind that was asked for. Test servers may leave out the kind, never say another. */
export function checkObject<T>(answer: unknown, { kind }: Resource<T>, what: string): T {
  const { kind: got = kind, metadata } = (answer ?? {}) as Partial<Answered>;
  if (got !== kind || metadata === undefined || metadata === null)
    throw new BadAnswerError(what, describe(answer), `expected a ${kind}`);
  return answer as T;
}

/** A list of the kind that was asked for. */
export function checkList<T>(answer: unknown, { kind }: Resource<T>, what: string): List<T> {
  const expected = `${kind}List`;
  const { kind: got = expected, metadata, items } = (answer ?? {}) as Partial<Answered>;
  if (got !== expected || typeof metadata !== "object" || metadata === null || !isListOrNull(items))
    throw new BadAnswerError(what, describe(answer), `expected a ${expected}`);
  const bad = (items ?? []).find((item) => !hasIdentity(item));
  if (bad !== undefined) throw new BadAnswerError(what, `an item without metadata.name: ${shown(JSON.stringify(bad))}`);
  return answer as List<T>;
}

export interface List<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  /** Null where Go means an empty list. */
  readonly items: T[] | null;
}

/** The version that an event of a watch brings. */
export function checkEvent(
  { type, object }: { readonly type: string; readonly object: unknown },
  { kind }: Resource<unknown>,
): string {
  const { kind: got = kind, metadata } = object as Partial<Answered>;
  const version = metadata?.resourceVersion;
  if (got !== kind) throw new BrokenStreamError(`the watch sent a ${got}, expected a ${kind}`);
  if (typeof version !== "string" || version === "" || (type !== "BOOKMARK" && !hasIdentity(object)))
    throw new BrokenStreamError(
      `the watch sent a ${kind} without metadata.name or resourceVersion: ${shown(JSON.stringify(object))}`,
    );
  return version;
}

interface Answered {
  readonly kind: string;
  readonly metadata: { readonly name?: unknown; readonly resourceVersion?: unknown } | null;
  readonly items: unknown;
}

function hasIdentity(object: unknown): boolean {
  const name = (object as Partial<Answered> | null)?.metadata?.name;
  return typeof name === "string" && name !== "";
}

function isListOrNull(items: unknown): items is readonly unknown[] | null | undefined {
  return Array.isArray(items) || items === null || items === undefined;
}

function describe(answer: unknown): string {
  const { kind } = (answer ?? {}) as Partial<Answered>;
  return typeof kind === "string" ? `a ${kind}` : answer === undefined ? "nothing" : shown(JSON.stringify(answer));
}

/** In one line and in short. */
function shown(text: string): string {
  return oneLine(text).slice(0, 100);
}
