import { existsSync } from "node:fs";
import { FailureError } from "../../src/base/index.ts";

const clientGo = new URL("client-go/bin/informer", import.meta.url).pathname;

/** One of those that are measured: what it is called, and how its process is started. */
export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
}

export function requireClientGo(): void {
  if (!existsSync(clientGo))
    throw new FailureError("client-go is not built; run bench/kube/client-go/build first (needs Go)");
}

/** Ours first. `folder` holds the credentials as a pod has them, `kubeconfig` the same for the others. */
export function contenders(folder: string, kubeconfig: string, speaksProtobuf: boolean): readonly Contender[] {
  const node = (script: string, ...args: readonly string[]): readonly string[] => [
    process.execPath,
    "--expose-gc",
    // As `bin/berth` does; alike for both that run on Node.
    "--max-semi-space-size=4",
    new URL(script, import.meta.url).pathname,
    ...args,
  ];
  const go = (contentType: string): readonly string[] => [
    clientGo,
    `--kubeconfig=${kubeconfig}`,
    `--content-type=${contentType}`,
  ];
  return [
    { name: "berth", command: node("berth.ts", folder) },
    { name: "client-node", command: node("client-node.ts", kubeconfig) },
    { name: "client-go JSON", command: go("application/json") },
    ...(speaksProtobuf ? [{ name: "client-go", command: go("application/vnd.kubernetes.protobuf") }] : []),
  ];
}
