// `node bench/agent/main.ts`: the agent beside kube-proxy on one node of a sandbox cluster, each for itself, in turns.
// Both meet the same API server, the same Services and the same pods in the same minutes, so that what counts is
// their ratio; nothing here fails because a machine is slow.

import { kubeProxyPath } from "../../e2e/kube-binaries/kube-proxy.ts";
import { execOk, systemExec } from "../../src/kernel/index.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { startEchoPods } from "../echo.ts";
import { describeMachine } from "../machine.ts";
import { Prober } from "../prober.ts";
import { interleave } from "../statistics.ts";
import { requireKubeProxy } from "./contenders.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { live } from "./life.ts";
import { caseName, type Entry, report } from "./report.ts";
import { makePlace } from "./stage.ts";
import { Workload } from "./workload.ts";

async function run({ cases, rounds, changes, watch }: Flags, signal: AbortSignal): Promise<void> {
  requireKubeProxy();
  await using place = await makePlace(signal);
  const { sandbox, node, tools, contenders, environment } = place;
  const connection = await loadKubeconfig(sandbox.kubeconfig);
  await using client = new KubeClient({ connection, metrics: createMetrics() });
  const pods = await startEchoPods(sandbox);
  const workload = new Workload(client, pods);
  await using prober = new Prober(node.netns, environment);

  const entries: Entry[] = [];
  for (const one of cases) {
    await workload.grow(one.services, signal);
    const stage = { node, pods, workload, prober, tools, backend: one.backend, changes, watchMs: 1000 * watch };
    for (const contender of interleave(contenders, rounds)) {
      const life = await live(stage, contender, signal);
      entries.push({ contender: contender.name, case: one, life });
      process.stderr.write(`${caseName(one)}, ${contender.name}: first answer after ${life.coldMs.toFixed(0)} ms\n`);
    }
  }
  const exec = systemExec(environment);
  const version = async (program: string): Promise<string> =>
    (await execOk(exec, program, ["--version"], { signal })).trim();
  const machine = describeMachine(await version("iptables"), `kube-proxy of ${await version(kubeProxyPath)}`);
  process.stdout.write(`${machine}\n\n${report(entries)}\n`);
}

await asCommand("bench/agent", async (argv, signal) => await run(parseFlags(argv), signal));
