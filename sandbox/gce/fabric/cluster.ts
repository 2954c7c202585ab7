// A sandbox cluster whose nodes are machines of the stand-in, and whose controller makes load balancers there.

import { withPort } from "../../../src/net/index.ts";
import type { Sandbox, SandboxOptions } from "../../cluster/index.ts";
import { startSandbox } from "../../cluster/index.ts";
import type { Body } from "../body.ts";
import { FakeGce } from "../server.ts";
import type { Machine } from "../world.ts";
import { Fabric } from "./fabric.ts";
import { letsIn } from "./firewalls.ts";

export interface GceCluster extends AsyncDisposable {
  readonly gce: FakeGce;
  readonly sandbox: Sandbox;
  /** Between the client outside and the nodes. */
  readonly fabric: Fabric;
}

const project = "shop";
const region = "europe-west1";
const subnetwork = "nodes";
const probeWithinMs = 5000;

/** Disposing it ends both. */
export async function startGceCluster(options: SandboxOptions): Promise<GceCluster> {
  await using stack = new AsyncDisposableStack();
  const machines = Array.from({ length: options.nodes ?? 3 }, (_, i) => machineOf(i));
  let sandbox: Sandbox | undefined;
  const gce: FakeGce = stack.use(
    await FakeGce.start({
      project,
      region,
      network: "default",
      subnetworks: [subnetwork],
      machines,
      steps: 3,
      probe: async ({ name }, check, vip) =>
        letsIn(gce.world, { from: proberOf(vip), to: vip, port: portOf(check) }) &&
        (await answers(sandbox, name, check, vip)),
    }),
  );
  sandbox = stack.use(
    await startSandbox({
      ...options,
      providerId: ({ name }) => `gce://${project}/${machines.find((one) => one.name === name)?.zone}/${name}`,
      controllerArgs: [
        "--providers=gcp-l4",
        `--gcp-l4-project=${project}`,
        `--gcp-l4-region=${region}`,
        `--gcp-l4-subnetwork=${subnetwork}`,
        `--gcp-l4-endpoint=${gce.url.origin}`,
        ...(options.controllerArgs ?? []),
      ],
    }),
  );
  const addresses = new Map(sandbox.nodes.map((node) => [node.name, node.addresses]));
  const fabric = new Fabric({ gce, client: sandbox.client.exec, machines: addresses });
  const owned = stack.move();
  return { gce, sandbox, fabric, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function machineOf(i: number): Machine {
  const zone = `${region}-${["a", "b", "c"][i % 3] ?? ""}`;
  return { name: `node${i + 1}`, zone, address: `10.0.0.${i + 1}`, subnetwork };
}

/** One of those that probe by https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges */
function proberOf(vip: string): string {
  return vip.includes(":") ? "2600:1901:8001::1" : "35.191.0.1";
}

function portOf(check: Body): number {
  return Number((check["httpHealthCheck"] as Body)["port"]);
}

/** Probes as Google does: at the load balancer's own address, on the machine. */
async function answers(sandbox: Sandbox | undefined, name: string, check: Body, vip: string): Promise<boolean> {
  const { requestPath } = check["httpHealthCheck"] as { readonly requestPath: string };
  const node = sandbox?.nodes.find((one) => one.name === name);
  const url = `http://${withPort(vip, portOf(check))}${requestPath}`;
  const options = { signal: AbortSignal.timeout(probeWithinMs) };
  const answer = await node?.exec.run("curl", ["-sf", "--max-time", "2", "-o", "/dev/null", url], options);
  return answer?.code === 0;
}
