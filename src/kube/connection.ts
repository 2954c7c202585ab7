import { isDeepStrictEqual } from "node:util";
import { type Clock, UsageError } from "../base/index.ts";

export interface TlsCredentials {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  /** Accept any certificate of the server. */
  readonly insecure?: boolean;
}

/** What makes the server believe us, and us the server. */
export interface Credentials {
  /** The same object as long as nothing in it changed; a new one means new connections. */
  readonly tls: TlsCredentials;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the API server is and who we are. */
export interface KubeConnection {
  /** `http://` or `https://`, a host, perhaps a path; no slash at the end. */
  readonly server: string;
  /** Asked before each request, as tokens and certificates rotate; `renew` after the server refused the last ones. */
  credentials(renew?: boolean): Promise<Credentials>;
}

/** Credentials that never change. */
export function staticConnection(
  server: string,
  { tls = {}, headers = {} }: Partial<Credentials> = {},
): KubeConnection {
  const credentials: Credentials = { tls, headers };
  return { server: checkServer(server, "API server address"), credentials: () => Promise.resolve(credentials) };
}

export function checkServer(server: string, what: string): string {
  const url = URL.parse(server);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new UsageError(`${what}: ${JSON.stringify(server)} is no URL; give https://HOST:PORT`);
  return server.replace(/\/+$/, "");
}

const freshMs = 60_000;

/**
 * Reads again after a minute. A read that fails keeps the last good credentials: the kubelet replaces token files
 * by renaming links, and a token stays valid for long after its file went away.
 */
export function cachedCredentials(
  read: () => Promise<Credentials>,
  first: Credentials,
  clock: Clock,
): KubeConnection["credentials"] {
  let last = first;
  let readAt = clock.monotonic();
  let reading: Promise<Credentials> | undefined;
  async function refresh(): Promise<Credentials> {
    try {
      const next = await read();
      last = { headers: next.headers, tls: isDeepStrictEqual(next.tls, last.tls) ? last.tls : next.tls };
    } catch {
      // The server will say if the old ones no longer do.
    }
    readAt = clock.monotonic();
    reading = undefined;
    return last;
  }
  return (renew = false) => {
    if (!renew && clock.monotonic() - readAt < freshMs) return Promise.resolve(last);
    reading ??= refresh();
    return reading;
  };
}
