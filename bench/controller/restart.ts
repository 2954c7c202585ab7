// `node bench/controller/restart.ts`: what a restart of `berth controller` costs when nothing has changed, beside the
// first start of all, with an API server that records each request.
import { dirname } from "node:path";
import { Child } from "../../e2e/contract/child.ts";
import { kubeApiserver } from "../../e2e/contract/kube-apiserver.ts";
import { kubectlPath } from "../../e2e/contract/kubectl/run.ts";
import { sandbox } from "../../e2e/contract/sandbox.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { describeMachine } from "../machine.ts";
import { createCluster, keepAgentsAlive } from "./cluster.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { type Life, live } from "./life.ts";
import { report } from "./report.ts";

async function run({ rounds, server, ...count }: Flags, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const target = server === "real" ? kubeApiserver : sandbox;
  const controlPlane = stack.use(await target.start({ recordsAccess: true }));
  const { kubeconfig } = controlPlane;
  await defineKinds(kubeconfig);
  const connection = await loadKubeconfig(kubeconfig);
  const client = stack.use(new KubeClient({ connection, metrics: createMetrics() }));
  await createCluster(client, count, signal);
  stack.use(keepAgentsAlive(client, count.nodes));
  const lives: Life[] = [];
  for (let round = 0; round <= rounds; round++) {
    const life = await live(round === 0 ? "first start" : "restart", controlPlane, count.services, signal);
    lives.push(life);
    process.stderr.write(`${life.contender}: all reconciled after ${life.reconciledMs.toFixed(0)} ms\n`);
  }
  process.stdout.write(
    `${describeMachine(`${count.services} Services`, `${count.nodes} nodes`, target.name)}\n\n${report(lives)}\n`,
  );
}

async function defineKinds(kubeconfig: string): Promise<void> {
  const files = new URL("../../charts/berth/files/crds/", import.meta.url).pathname;
  // It keeps what it has discovered below its home.
  const environment = { KUBECONFIG: kubeconfig, HOME: dirname(kubeconfig), PATH: "/usr/bin:/bin" };
  for (const words of [
    ["apply", `--filename=${files}`],
    ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"],
  ]) {
    await using child = new Child(kubectlPath, words, { environment });
    if ((await child.end()) !== 0) throw child.failure("failed");
  }
}

await asCommand("bench/controller/restart", async (argv, signal) => await run(parseFlags(argv), signal));
