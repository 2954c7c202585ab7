import { type Clock, errorMessage, FailureError, sleep } from "../base/index.ts";
import { type EndpointOptions, type HttpEndpoint, type Logger, serveEndpoints } from "../telemetry/index.ts";

export interface PageServerOptions extends EndpointOptions {
  /** The flag that says where, for messages. */
  readonly flag: string;
  /** Whether a place that is taken ends the agent; else it is tried again every five seconds. */
  readonly hardFail: boolean;
  /** Called once when it cannot listen. */
  readonly onFailure: (why: string) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** As kube-proxy. */
const retryMs = 5000;

/** Serves pages until disposed. Throws FailureError when it cannot and must. */
export async function servePages(options: PageServerOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  const { flag, hardFail, onFailure, logger } = options;
  let endpoint: HttpEndpoint | undefined;
  try {
    endpoint = await serve(options);
  } catch (cause) {
    const why = failureText(options, cause);
    onFailure(why);
    if (hardFail) throw new FailureError(`${flag}: ${why}; free it or give another`, { cause });
    logger.warn("pages not served; tried again every five seconds", { what: flag, why });
  }
  const ended = new AbortController();
  const trying = endpoint === undefined ? retry(options, AbortSignal.any([signal, ended.signal])) : undefined;
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await (endpoint ?? (await trying))?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * `0.0.0.0` is every address of both families, as in Go and so for kube-proxy: load balancers and kubelet probe IPv6
 * nodes too. Only where the kernel has no IPv6 it is what it says.
 */
async function serve(options: PageServerOptions): Promise<HttpEndpoint> {
  if (options.host !== "0.0.0.0") return await serveEndpoints(options);
  try {
    return await serveEndpoints({ ...options, host: "::" });
  } catch (error) {
    if (!withoutIpv6.has((error as NodeJS.ErrnoException).code)) throw error;
    return await serveEndpoints(options);
  }
}

const withoutIpv6: ReadonlySet<string | undefined> = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/** Undefined when aborted before it could listen. */
async function retry(options: PageServerOptions, signal: AbortSignal): Promise<HttpEndpoint | undefined> {
  while (!signal.aborted) {
    await sleep(retryMs, signal, options.clock).catch(() => {});
    if (signal.aborted) return undefined;
    try {
      const endpoint = await serve(options);
      options.logger.info("pages served", { what: options.flag });
      return endpoint;
    } catch {
      // Told already.
    }
  }
  return undefined;
}

function failureText({ host, port }: EndpointOptions, cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException;
  const what =
    code === "EADDRINUSE" ? "the port is taken (another agent or kube-proxy?)" : (code ?? errorMessage(cause));
  return `cannot listen on ${host} port ${port}: ${what}`;
}
