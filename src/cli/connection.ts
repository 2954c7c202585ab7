// How a process of ours comes to its API server: flags -> a client, and work that needs its answers.
import { type Command, Option } from "commander";
import { errorMessage, FailureError, onAbort, sleep, systemClock, UsageError } from "../base/index.ts";
import {
  inClusterConnection,
  isCertificateError,
  isUnauthorized,
  KubeApiError,
  KubeClient,
  type KubeConnection,
  loadKubeconfig,
  staticConnection,
} from "../kube/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { parseDuration } from "./flags.ts";

/** Nobody answered where the API server is to be, in all the time that there was. */
export class UnreachableError extends FailureError {}

export interface ConnectionFlags {
  readonly kubeconfig?: string;
  readonly apiServerTimeout: number;
}

export function addConnectionFlags(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "how to reach the API server; without it: as a pod of the cluster")
    .addOption(
      new Option("--api-server-timeout <duration>", "a start without an answer from the API server fails after so long")
        .default(10_000, "10s")
        .argParser(parseDuration("--api-server-timeout")),
    );
}

export interface Connection {
  readonly client: KubeClient;
  readonly server: string;
}

export interface ServerChoice {
  readonly kubeconfig?: string | undefined;
  /** URL in place of the kubeconfig's or the pod's. */
  readonly master?: string;
}

/** Throws UsageError for the kubeconfig or the URL; nothing is asked yet. */
export async function connect(choice: ServerChoice, { environment }: Process, metrics: Metrics): Promise<Connection> {
  const connection = await connectionTo(choice, environment);
  return { client: new KubeClient({ connection, metrics }), server: connection.server };
}

async function connectionTo(
  { kubeconfig, master }: ServerChoice,
  environment: Process["environment"],
): Promise<KubeConnection> {
  if (kubeconfig !== undefined) return await loadKubeconfig(kubeconfig, { server: master });
  if (master === undefined) return await inClusterConnection(environment);
  // A pod's token is for the API server alone: it does not go over the wire in the clear.
  if (master.startsWith("http:")) return staticConnection(master);
  return await inClusterConnection(environment, { server: master }).catch((error: unknown) => {
    if (error instanceof UsageError) return staticConnection(master);
    throw error;
  });
}

/**
 * Does the work of a process, and ends it with FailureError unless the API server gives a first answer in time: a
 * restart of it is bridged, a wrong address is told. Afterwards it may come and go.
 */
export async function workOnceAnswered(
  connection: Connection,
  { apiServerTimeout }: Pick<ConnectionFlags, "apiServerTimeout">,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  using _ = onAbort(signal, () => end.abort(signal.reason));
  let failure: unknown;
  const answered = firstAnswer(connection, apiServerTimeout, end.signal).catch((error: unknown) => {
    if (end.signal.aborted) return;
    failure = error;
    end.abort(error);
  });
  try {
    await work(end.signal);
  } catch (error) {
    if (error !== failure) throw error;
  } finally {
    end.abort(new Error("the work is over"));
    await answered;
  }
  if (failure !== undefined) throw failure;
}

/** Resolves with the first answer, whatever it says unless it is that the server does not know us. */
async function firstAnswer({ client, server }: Connection, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs;
  for (;;) {
    try {
      await client.request({ method: "GET", path: "/version", timeoutMs: answerWithinMs, signal });
      return;
    } catch (error) {
      if (error instanceof KubeApiError && error.reason !== "" && !isUnauthorized(error)) return;
      // Certificates have been looked at anew already; waiting does not make them fit.
      if (isCertificateError(error) || systemClock.monotonic() >= deadline)
        throw error instanceof KubeApiError || isCertificateError(error)
          ? new FailureError(unanswered(error, server))
          : new UnreachableError(unanswered(error, server));
    }
    await sleep(retryMs, signal);
  }
}

function unanswered(error: unknown, server: string): string {
  if (isUnauthorized(error)) return `${server} does not know us: ${errorMessage(error)}`;
  if (!(error instanceof KubeApiError)) return errorMessage(error);
  return `${server} is no Kubernetes API server: it answers ${error.code} to /version; check the server's address`;
}

const answerWithinMs = 5000;
const retryMs = 250;
