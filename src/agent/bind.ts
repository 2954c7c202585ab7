import { type Clock, errorMessage, FailureError, sleep } from "../base/index.ts";
import { type EndpointOptions, type HttpEndpoint, type Logger, serveEndpoints } from "../telemetry/index.ts";

export interface BindOptions extends EndpointOptions {
  /** For messages. */
  readonly flag: string;
  /** A port that cannot be had ends the start; else it is tried again and again, as kube-proxy does. */
  readonly hardFail: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

const retryMs = 5000;

/** Serves pages until disposed. With `hardFail` rejects with FailureError when the port cannot be had. */
export async function keepServing(options: BindOptions): Promise<AsyncDisposable> {
  const { flag, host, port, hardFail, logger, clock } = options;
  const stop = new AbortController();
  let endpoint: HttpEndpoint | undefined;

  async function open(): Promise<boolean> {
    try {
      endpoint = await serveEndpoints(options);
      return true;
    } catch (cause) {
      const why = `${flag}: cannot listen on ${host} port ${port}: ${reason(cause)}; free it or give another`;
      if (hardFail) throw new FailureError(why, { cause });
      logger.warn("health or metrics are not served", { why, retryMs });
      return false;
    }
  }
  async function retry(): Promise<void> {
    do await sleep(retryMs, stop.signal, clock);
    while (!(await open()));
    logger.info("health or metrics are served now", { port });
  }

  const opened = await open();
  const retrying = opened ? Promise.resolve() : retry().catch(() => {});
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await retrying;
      await endpoint?.[Symbol.asyncDispose]();
    },
  };
}

function reason(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException;
  return code === "EADDRINUSE" ? "the port is taken, not by a proxy of Services" : (code ?? errorMessage(cause));
}
