// A sandbox cluster whose nodes are instances of the stand-in, and whose controller makes load balancers there.

import { withPort } from "../../../src/net/index.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../cluster/index.ts";
import { FakeAws } from "../fake-aws.ts";
import { type HealthCheck, region, vpcId } from "../state.ts";
import { Fabric } from "./fabric.ts";
import { furnish, run } from "./region.ts";

export interface AwsCluster extends AsyncDisposable {
  readonly aws: FakeAws;
  readonly sandbox: Sandbox;
  /** Between the client outside and the nodes. */
  readonly fabric: Fabric;
}

/** Minutes that a load balancer takes to be set up are seconds here. */
const timesFaster = 20;
const probeWithinMs = 5000;
/** On the network of the nodes and the client, where nobody has an address. */
const addresses = "172.30.210.";

/** Disposing it ends both. */
export async function startAwsCluster(options: SandboxOptions): Promise<AwsCluster> {
  await using stack = new AsyncDisposableStack();
  const aws = stack.use(await FakeAws.start({ timesFaster }));
  furnish(aws.state);
  const count = options.nodes ?? 3;
  for (let i = 1; i <= count; i++) run(aws.state, instanceOf(`node${i}`), i % 2 === 1 ? "a" : "b");
  const sandbox = stack.use(
    await startSandbox({
      ...options,
      providerId: ({ name }) =>
        `aws:///${aws.state.instances.get(instanceOf(name))?.zone ?? region}/${instanceOf(name)}`,
      controllerArgs: [
        "--providers=aws-nlb",
        `--aws-nlb-region=${region}`,
        `--aws-nlb-vpc-id=${vpcId}`,
        `--aws-nlb-endpoint=${aws.endpoint}`,
        ...(options.controllerArgs ?? []),
      ],
    }),
  );
  const nodes = new Map(sandbox.nodes.map(({ name, addresses: [v4 = ""] }) => [instanceOf(name), v4]));
  aws.probe = (instance, port, check) => answers(sandbox, nodes.get(instance) ?? "", port, check);
  const fabric = new Fabric({ aws, client: sandbox.client.exec, instances: nodes, addresses });
  const owned = stack.move();
  return { aws, sandbox, fabric, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The instance that a node is on: `node2` on `i-00000002`. */
function instanceOf(node: string): string {
  return `i-${node.replace("node", "").padStart(8, "0")}`;
}

/** Probes over HTTP as AWS does: from its network, at the instance's own address. */
async function answers(
  sandbox: Sandbox,
  address: string,
  port: number,
  { HealthCheckPath: path = "" }: HealthCheck,
): Promise<boolean> {
  const args = ["-sf", "--max-time", "2", "-o", "/dev/null", `http://${withPort(address, port)}${path}`];
  const { code } = await sandbox.fabric.exec.run("curl", args, { signal: AbortSignal.timeout(probeWithinMs) });
  return code === 0;
}
