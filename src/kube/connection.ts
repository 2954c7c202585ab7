import { X509Certificate } from "node:crypto";
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

/** What to mend when the server does not know us (401); undefined for every other answer. */
export function remedyOf(code: number, { tls: { cert }, headers }: Credentials, now: number): string | undefined {
  if (code !== 401) return undefined;
  if (cert !== undefined) {
    const expiry = expiryOf(cert);
    if (expiry !== undefined && expiry.getTime() < now)
      return `our client certificate expired at ${expiry.toISOString()}; renew it (client-certificate of the user in the kubeconfig)`;
  }
  if (cert === undefined && headers["authorization"] === undefined)
    return "we have no credentials; name a user with a token or a client certificate in the kubeconfig's context";
  return "the server does not accept our token or client certificate; renew it, or check that it belongs to this cluster";
}

function expiryOf(certificate: string | Buffer): Date | undefined {
  try {
    return new X509Certificate(certificate).validToDate;
  } catch {
    return undefined;
  }
}

const freshMs = 60_000;

/**
 * Reads again after a minute. A read that fails keeps the last good credentials: the kubelet replaces token files
 * by renaming links, and a token stays valid for long after its file went away.
 */
export function cachedCredentials(
  read: (renew: boolean) => Promise<Credentials>,
  first: Credentials,
  clock: Clock,
): KubeConnection["credentials"] {
  let last = first;
  let readAt = clock.monotonic();
  let reading: Promise<Credentials> | undefined;
  async function refresh(renew: boolean): Promise<Credentials> {
    try {
      const next = await read(renew);
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
    reading ??= refresh(renew);
    return reading;
  };
}
