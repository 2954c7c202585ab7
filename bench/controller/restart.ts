// `node bench/controller/restart.ts`: what a restart of `berth controller` costs when nothing has changed, beside the
// first start of all, with an API server that records each request.
import { kubeApiserver } from "../../e2e/contract/kube-apiserver.ts";
import { sandbox } from "../../e2e/contract/sandbox.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { describeMachine } from "../machine.ts";
import { createCluster, defineKinds, keepAgentsAlive } from "./cluster.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { type Life, live } from "./life.ts";
import { report } from "./report.ts";

const command = [new URL("../../bin/berth", import.meta.url).pathname, "controller", "--providers=node"] as const;

async function run({ rounds, server, ...count }: Flags, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const target = server === "real" ? kubeApiserver : sandbox;
  const controlPlane = stack.use(await target.start({ recordsAccess: true }));
  const { kubeconfig } = controlPlane;
  await defineKinds(kubeconfig);
  const connection = await loadKubeconfig(kubeconfig);
  const client = stack.use(new KubeClient({ connection, metrics: createMetrics() }));
  await createCluster(client, { ...count, provider: "node" }, signal);
  stack.use(keepAgentsAlive(client, count.nodes));
  const lives: Life[] = [];
  for (let round = 0; round <= rounds; round++) {
    const contender = round === 0 ? "first start" : "restart";
    const life = await live({ contender, command, environment: {} }, controlPlane, count.services, signal);
    lives.push(life);
    process.stderr.write(`${life.contender}: all reconciled after ${life.reconciledMs.toFixed(0)} ms\n`);
  }
  process.stdout.write(
    `${describeMachine(`${count.services} Services`, `${count.nodes} nodes`, target.name)}\n\n${report(lives)}\n`,
  );
}

await asCommand("bench/controller/restart", async (argv, signal) => await run(parseFlags(argv), signal));
