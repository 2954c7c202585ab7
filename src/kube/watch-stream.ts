import type { ObjectMeta } from "../api/index.ts";
import { BrokenStreamError, KubeApiError } from "./errors.ts";

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: { readonly metadata: ObjectMeta } };

/** Newline-separated JSON, split on bytes, as a character may lie across two chunks. */
export async function* watchEvents<T>(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<WatchEvent<T>, void, void> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]).toString();
      rest = [];
      restBytes = 0;
      start = end + 1;
      yield parseEvent<T>(line);
    }
    if (start === chunk.length) continue;
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > maxEventBytes)
      throw new BrokenStreamError(`the watch sent an event of more than ${maxEventBytes / 1024 / 1024} MiB`);
  }
  if (rest.length > 0) throw new BrokenStreamError("the watch ended within an event");
}

const newline = 0x0a;
/** Ten times what etcd takes of one object (1.5 MiB): JSON is longer, but whatever is longer than this is no event. */
export const maxEventBytes: number = 16 * 1024 * 1024;

function parseEvent<T>(line: string): WatchEvent<T> {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (cause) {
    throw new BrokenStreamError(`the watch sent a line that is no JSON: ${line.slice(0, 100)}`, { cause });
  }
  const { type, object } = event ?? {};
  if (typeof object === "object" && object !== null) {
    if (type === "ERROR") throw new KubeApiError(object);
    if (type === "ADDED" || type === "MODIFIED" || type === "DELETED" || type === "BOOKMARK")
      return { type, object: withoutManagedFields(object) } as WatchEvent<T>;
  }
  throw new BrokenStreamError(`the watch sent a line that is no event: ${line.slice(0, 100)}`);
}

/** Nobody here reads them and they are half of an object. Unset rather than deleted: that keeps the fast shape. */
export function withoutManagedFields<T>(object: T): T {
  const { metadata } = object as { metadata?: ObjectMeta };
  if (metadata?.managedFields !== undefined) Object.assign(metadata, { managedFields: undefined });
  return object;
}
