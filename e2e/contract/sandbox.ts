import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startApiServer } from "../../sandbox/apiserver/index.ts";
import type { Random } from "../../src/base/index.ts";
import { type Cidr, type PortRange, parseCidr, parsePortRange } from "../../src/net/index.ts";
import { newestVersion } from "./kube-version.ts";
import { type ControlPlane, nodePortRange, serviceCidr, type Target } from "./target.ts";

export const sandbox: Target = { name: "the sandbox", version: newestVersion, start: startSandbox };

async function startSandbox(): Promise<ControlPlane> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-sandbox-apiserver-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const kubeconfig = join(directory, "kubeconfig");
  stack.use(
    await startApiServer({
      listen: [{ scheme: "https", host: "127.0.0.1", port: 0 }],
      serviceCidrs: serviceCidr.split(",").map((text) => parseCidr(text) as Cidr),
      nodePorts: parsePortRange(nodePortRange) as PortRange,
      kubeconfigFile: kubeconfig,
      random: spread(),
    }),
  );
  const owned = stack.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Numbers that stay far from each other: no allocator hands out by chance what was freed a moment ago. */
function spread(): Random {
  let last = 0;
  return () => {
    last = (last + (Math.sqrt(5) - 1) / 2) % 1;
    return last;
  };
}
