import { readFile } from "node:fs/promises";
import { type Clock, errorMessage, systemClock, UsageError } from "../base/index.ts";
import { type Credentials, cachedCredentials, checkServer, type KubeConnection } from "./connection.ts";

const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface InClusterOptions {
  /** Where the kubelet mounts `token` and `ca.crt`. */
  readonly folder?: string;
  /** URL in place of the environment's. */
  readonly server?: string | undefined;
  readonly clock?: Clock;
}

/** The connection of a pod: the address from its environment, token and CA from the mounted service account. */
export async function inClusterConnection(
  environment: Readonly<Record<string, string | undefined>>,
  { folder = serviceAccountFolder, server: override, clock = systemClock }: InClusterOptions = {},
): Promise<KubeConnection> {
  const server = override === undefined ? serverOf(environment) : checkServer(override, "API server address");

  async function read(): Promise<Credentials> {
    const [token, ca] = await Promise.all([readFile(`${folder}/token`, "utf8"), readFile(`${folder}/ca.crt`, "utf8")]);
    if (token.trim() === "") throw new Error(`${folder}/token is empty`);
    return { tls: { ca }, headers: { authorization: `Bearer ${token.trim()}` } };
  }
  const first = await read().catch((error: unknown) => {
    throw new UsageError(
      `no service account credentials: ${errorMessage(error)}; mount a token into the pod, or give --kubeconfig FILE`,
    );
  });
  return { server, credentials: cachedCredentials(read, first, clock) };
}

function serverOf(environment: Readonly<Record<string, string | undefined>>): string {
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"];
  if (host === undefined || host === "" || port === undefined || port === "")
    throw new UsageError(
      "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a pod; give --kubeconfig FILE",
    );
  return checkServer(`https://${host.includes(":") ? `[${host}]` : host}:${port}`, "KUBERNETES_SERVICE_HOST");
}
