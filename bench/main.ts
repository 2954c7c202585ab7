// `node bench/main.ts`: the agent beside kube-proxy on one node of a sandbox cluster, each for itself, in turns.
// Both meet the same API server, the same Services and the same pods in the same minutes, so that what counts is
// their ratio; nothing here fails because a machine is slow.
import { startSandbox } from "../sandbox/cluster/index.ts";
import { systemExec } from "../src/kernel/index.ts";
import { KubeClient, loadKubeconfig } from "../src/kube/index.ts";
import { createLogger, createMetrics } from "../src/telemetry/index.ts";
import { asCommand } from "./command.ts";
import { contendersOn, requireKubeProxy } from "./contenders.ts";
import { startEchoPods } from "./echo.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { live, type Stage } from "./life.ts";
import { describeMachine } from "./machine.ts";
import { Prober } from "./prober.ts";
import { type Life, report } from "./report.ts";
import { interleave } from "./statistics.ts";
import { Workload } from "./workload.ts";

async function run({ services, rounds }: Flags, signal: AbortSignal): Promise<void> {
  requireKubeProxy();
  // As `bin/berth` does: most of an agent's start is Node reading our sources.
  const cache = new URL("../node_modules/.cache/berth", import.meta.url).pathname;
  const environment = { NODE_COMPILE_CACHE: cache, ...process.env };
  await using sandbox = await startSandbox({
    environment,
    signal,
    logger: createLogger({ level: "warn", format: "text", stream: process.stderr }),
    nodes: 1,
    components: { agents: false, controller: false },
  });
  const [node] = sandbox.nodes;
  if (node === undefined) throw new Error("a sandbox without nodes");
  const connection = await loadKubeconfig(sandbox.kubeconfig);
  await using client = new KubeClient({ connection, metrics: createMetrics() });
  const pods = await startEchoPods(sandbox);
  const workload = new Workload(client, pods);
  await using prober = new Prober(node.netns, environment);
  const stage: Stage = { node, pods, workload, prober };

  const lives: Life[] = [];
  for (const count of services) {
    await workload.grow(count, signal);
    for (const contender of interleave(contendersOn(sandbox, node, environment), rounds)) {
      const life = await live(stage, contender, signal);
      lives.push({ services: count, contender: contender.name, ...life });
      process.stderr.write(`${count} Services, ${contender.name}: first answer after ${life.coldMs.toFixed(0)} ms\n`);
    }
  }
  const machine = await describeMachine(systemExec(environment), signal);
  process.stdout.write(`${machine}\n\n${report(lives)}\n`);
}

await asCommand("bench", async (argv, signal) => await run(parseFlags(argv), signal));
