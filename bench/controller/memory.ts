// `node bench/controller/memory.ts [20]`: what a provider costs the controller in memory: the program of the image, with so
// many Services that it does not serve, with as many of the provider `node`, which talks to nobody, and with as many of
// `aws-nlb` on an AWS in this process.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sandbox } from "../../e2e/contract/sandbox.ts";
import { bundle } from "../../images/bundle.ts";
import { environment, images } from "../../images/contents.ts";
import { Account } from "../../providers/aws/testing/account.ts";
import { region, vpcId } from "../../sandbox/aws/index.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { markdownTable, mebibytes } from "../comparison.ts";
import { parseCount } from "../count.ts";
import { describeMachine } from "../machine.ts";
import { createCluster, instanceOf, keepAgentsAlive } from "./cluster.ts";
import { defineKinds } from "./kinds.ts";
import { type Life, live } from "./life.ts";

const nodes = 3;
/** Time goes by so much faster at the AWS of this process, which takes two minutes to set up a load balancer. */
const hurry = 20;

async function run(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const services = parseCount("services", argv[0] ?? "20", 1000);
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-memory-"));
  stack.defer(() => rm(directory, { recursive: true }));
  await bundle(images["berth-controller"], directory);
  const program = [process.execPath, join(directory, "berth.mjs"), "controller"] as const;
  const account = stack.use(await Account.open({ instances: 0 }));
  for (let i = 0; i < nodes; i++) account.run(instanceOf(i));
  const timer = setInterval(() => account.pass(100 * hurry), 100);
  stack.defer(() => clearInterval(timer));
  const nobodys = await lifeWith("aws-nlb", 0, [...program, "--providers=node"]);
  const plain = await lifeWith("node", services, [...program, "--providers=node"]);
  const aws = await lifeWith("aws-nlb", services, [
    ...program,
    "--providers=aws-nlb",
    // Nobody else uses this account: ten times what it is by default.
    "--provider-rate=aws-nlb:read=80:300,aws-nlb:write=30:200",
    `--aws-nlb-region=${region}`,
    `--aws-nlb-vpc-id=${vpcId}`,
    `--aws-nlb-endpoint=${account.aws.endpoint}`,
  ]);
  const row = (name: string, of: (life: Life) => number): readonly string[] => [
    name,
    ...[of(nobodys), of(plain), of(aws), of(aws) - of(nobodys), of(aws) - of(plain)].map(mebibytes),
  ];
  const table = markdownTable([
    ["measure", "not served", "node", "aws-nlb", "more than not served", "more than node"],
    row("RSS once all are reconciled", ({ usage }) => usage.residentBytes),
    row("RSS at rest", ({ restBytes }) => restBytes),
  ]);
  process.stdout.write(`${describeMachine(`${services} Services`, `${nodes} nodes`)}\n\n${table}\n`);

  async function lifeWith(provider: string, served: number, command: readonly [string, ...string[]]): Promise<Life> {
    await using controlPlane = await sandbox.start({ recordsAccess: true });
    const { kubeconfig } = controlPlane;
    await defineKinds(kubeconfig);
    await using client = new KubeClient({ connection: await loadKubeconfig(kubeconfig), metrics: createMetrics() });
    await createCluster(client, { provider, services, nodes }, signal);
    await using _ = keepAgentsAlive(client, nodes);
    return await live({ contender: provider, command, environment }, controlPlane, served, signal);
  }
}

await asCommand("bench/controller/memory", run);
