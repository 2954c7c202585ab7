import type { Limit } from "../limits.ts";

/** One HTTP request of the script. `${name}` in its path, headers and body stands for what an earlier one captured. */
export interface Exchange {
  /** `GET /api/v1/services`: a path without namespace prefix is taken as it is. */
  readonly request: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text is sent as it is. */
  readonly body?: unknown;
  /** Of the answer only code and reason take part: its words are those of the server's insides. */
  readonly brief?: boolean;
  /** Remembers fields of the answer by name: `{ rv: "metadata.resourceVersion" }`. */
  readonly capture?: Readonly<Record<string, string>>;
  /** Sent again until the answer says this: the real server learns of new rules a moment after they are stored. */
  readonly until?: RegExp;
  /** A watch: its answer is a stream, read until so many events came or the server ended it. */
  readonly events?: number;
  /** What the sandbox does otherwise here. */
  readonly limit?: Limit;
  /** Sent while the watch runs. */
  readonly during?: readonly Exchange[];
}

type Options = Omit<Exchange, "request" | "body">;

export function get(path: string, options: Options = {}): Exchange {
  return { request: `GET ${path}`, ...options };
}

export function create(path: string, body: unknown, options: Options = {}): Exchange {
  return { request: `POST ${path}`, body, ...options };
}

export function update(path: string, body: unknown, options: Options = {}): Exchange {
  return { request: `PUT ${path}`, body, ...options };
}

export function remove(path: string, body?: unknown, options: Options = {}): Exchange {
  return { request: `DELETE ${path}`, ...(body !== undefined && { body }), ...options };
}

export function mergePatch(path: string, body: unknown, options: Options = {}): Exchange {
  return patch("application/merge-patch+json", path, body, options);
}

export function patch(type: string, path: string, body: unknown, options: Options = {}): Exchange {
  return { request: `PATCH ${path}`, body, ...options, headers: { "content-type": type, ...options.headers } };
}
