// How the agent comes to its API server: kubeconfig, `--master`, or as a pod; and what to say when a pod's only way is
// the ClusterIP that nobody has programmed yet.
import { kubePrefix } from "../../agent/index.ts";
import { FailureError } from "../../base/index.ts";
import { type Exec, Iptables } from "../../kernel/index.ts";
import type { Metrics } from "../../telemetry/index.ts";
import type { Process } from "../command.ts";
import { type Connection, connect, UnreachableError } from "../connection.ts";
import type { Configuration } from "./configuration.ts";

export async function connectAgent(
  { values, switches }: Configuration,
  process: Process,
  metrics: Metrics,
): Promise<Connection> {
  const { "clientConnection.kubeconfig": kubeconfig } = values;
  const { master } = switches;
  return await connect(
    { ...(kubeconfig !== "" && { kubeconfig }), ...(master !== "" && { master }) },
    process,
    metrics,
  );
}

/**
 * The error of a start without an answer, with the cause that an admin is the least likely to see: the address that
 * the kubelet gives to every pod is a ClusterIP, and on this node it is this agent that makes those work.
 */
export async function explainNoAnswer(
  error: unknown,
  { values, switches }: Configuration,
  { environment, signal }: Pick<Process, "environment" | "signal">,
  exec: Exec,
): Promise<unknown> {
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "";
  const ownWay = values["clientConnection.kubeconfig"] !== "" || switches.master !== "";
  if (ownWay || !(error instanceof UnreachableError) || !isClusterIp(host, environment)) return error;
  const { "iptables-chain-prefix": prefix, "service-proxy-name": proxyName } = switches;
  // The Service of the API server names no proxy.
  const writer = proxyName === "" ? "this agent" : "the proxy of Services without a service-proxy-name";
  if (await hasServiceRules(exec, host, [kubePrefix, prefix], signal)) return error;
  return new FailureError(
    `${host} is the ClusterIP of the API server, and this node has no rules for it before ${writer} has written them; ` +
      "give a --kubeconfig or a --master with an address of the control plane, or set KUBERNETES_SERVICE_HOST and " +
      "KUBERNETES_SERVICE_PORT of the container to one",
    { cause: error },
  );
}

/** The kubelet writes the same address under this name too, and who sets a real one leaves that alone. */
function isClusterIp(host: string, environment: Process["environment"]): boolean {
  return host !== "" && host === (environment["KUBERNETES_PORT_443_TCP_ADDR"] ?? host);
}

async function hasServiceRules(
  exec: Exec,
  host: string,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const family = host.includes(":") ? "IPv6" : "IPv4";
  const saved = await new Iptables(exec, family).save(signal).catch(() => undefined);
  return prefixes.some((prefix) => saved?.get("nat")?.has(`${prefix}-SERVICES`));
}
