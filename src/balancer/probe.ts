import { request } from "node:http";
import { errorMessage } from "../base/index.ts";
import type { HealthCheck } from "./config.ts";
import type { ProbeResult } from "./health.ts";

/** Asks the target at `address` whether it takes traffic. Never rejects. */
export type Probe = (address: string, check: HealthCheck, signal: AbortSignal) => Promise<ProbeResult>;

/** HTTP GET; 200 to 399 is yes, as the kubelet reads its probes. */
export function httpProbe(address: string, check: HealthCheck, signal: AbortSignal): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const { port, path, timeoutMs } = check;
  const call = request({ host: address, port, path, agent: false, signal, headers: { connection: "close" } });
  // From the start of the connection to the head of the answer; Node's own `timeout` counts idle time only.
  const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  call.on("response", (response) => {
    const { statusCode = 0 } = response;
    resolve(statusCode >= 200 && statusCode < 400 ? { ok: true } : { ok: false, reason: `HTTP ${statusCode}` });
    response.destroy();
  });
  call.on("error", (error) => resolve({ ok: false, reason: errorMessage(error) }));
  call.on("close", () => clearTimeout(timer));
  call.end();
  return promise;
}
