import type { Sandbox } from "../sandbox/cluster/index.ts";
import { FailureError } from "../src/base/index.ts";

export const echoPort = 8080;
const perSet = 5;

export interface EchoPod {
  readonly name: string;
  readonly node: string;
  readonly address: string;
}

/** Two sets of pods that share none: which of them answers tells which endpoints are in force. */
export interface EchoPods {
  readonly first: readonly EchoPod[];
  readonly second: readonly EchoPod[];
}

/** Starts the pods and waits until they serve. */
export async function startEchoPods(sandbox: Sandbox): Promise<EchoPods> {
  const labels = { app: "echo" };
  const ports = [{ containerPort: echoPort }];
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "echo" },
    spec: {
      replicas: 2 * perSet,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "echo", image: "berth.dev/echo", ports }] } },
    },
  };
  await sandbox.kubectl(["apply", "-f", "-"], JSON.stringify(deployment));
  await sandbox.kubectl(["rollout", "status", "deployment/echo", "--timeout=60s"]);
  const { items } = JSON.parse(await sandbox.kubectl(["get", "pods", "-l", "app=echo", "-o", "json"])) as {
    items: { metadata: { name: string }; spec: { nodeName: string }; status: { podIP: string } }[];
  };
  const all = items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    node: spec.nodeName,
    address: status.podIP,
  }));
  if (all.length !== 2 * perSet) throw new FailureError(`${all.length} echo pods run instead of ${2 * perSet}`);
  return { first: all.slice(0, perSet), second: all.slice(perSet) };
}
