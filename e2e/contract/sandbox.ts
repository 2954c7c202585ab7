import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import { type ControlPlane, nodePortRange, serviceCidr } from "./control-plane.ts";

const berth = new URL("../../bin/berth", import.meta.url).pathname;

/** Starts the sandbox API server as a process, as its users do. */
export async function startSandbox(): Promise<ControlPlane> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-sandbox-apiserver-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const kubeconfig = join(directory, "kubeconfig");
  const apiserver = stack.use(
    new Child(berth, [
      "apiserver",
      "--listen=127.0.0.1:0",
      `--service-cidr=${serviceCidr}`,
      `--node-port-range=${nodePortRange}`,
      `--kubeconfig-out=${kubeconfig}`,
    ]),
  );
  await apiserver.ready(({ stdout }) => stdout.startsWith("ready "));
  const owned = stack.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
