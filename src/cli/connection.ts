// How a process of ours comes to its API server: flags -> a client that has had an answer.
import { type Command, Option } from "commander";
import { errorMessage, FailureError, sleep, systemClock } from "../base/index.ts";
import { ConnectionError, inClusterConnection, KubeClient, loadKubeconfig } from "../kube/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { parseDuration } from "./flags.ts";

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

/**
 * Connects and waits for a first answer, whatever it says: a restart of the API server is bridged, a wrong address is
 * told. Afterwards it may come and go. Throws UsageError for the kubeconfig, FailureError when nothing answers.
 */
export async function connect(
  { kubeconfig, apiServerTimeout }: ConnectionFlags,
  { environment, signal }: Process,
  metrics: Metrics,
): Promise<Connection> {
  const connection =
    kubeconfig === undefined ? await inClusterConnection(environment) : await loadKubeconfig(kubeconfig);
  const client = new KubeClient({ connection, metrics });
  const deadline = systemClock.monotonic() + apiServerTimeout;
  for (;;) {
    try {
      await client.request({ method: "GET", path: "/version", timeoutMs: answerWithinMs, signal });
      return { client, server: connection.server };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConnectionError)) return { client, server: connection.server };
      if (systemClock.monotonic() >= deadline) {
        await client[Symbol.asyncDispose]();
        throw new FailureError(errorMessage(error));
      }
    }
    await sleep(retryMs, signal);
  }
}

const answerWithinMs = 5000;
const retryMs = 250;
