// `berth sandbox demo`: a sandbox cluster, and in it the main job from `kubectl apply` to an answer from outside.
// Invariant: what it says comes from curl, kubectl, iptables-save and conntrack; it fails, naming the step, unless
// every step really happened; it leaves nothing behind.
import { type Clock, FailureError, onAbort, untilAbort } from "../../src/base/index.ts";
import { type Exec, listNetns, systemExec } from "../../src/kernel/index.ts";
import type { Logger } from "../../src/telemetry/index.ts";
import { type Sandbox, type SandboxNode, startSandbox } from "../cluster/index.ts";
import { playDemo } from "./demo.ts";
import type { Stage, StageNode } from "./probes.ts";
import { removeNodePortJump, type Sabotage, withoutBalancer } from "./sabotage.ts";
import { Steps } from "./steps.ts";

export { type Sabotage, sabotages } from "./sabotage.ts";

export interface DemoRun {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Stay up when the demo is over, until the signal aborts. */
  readonly stay: boolean;
  readonly sabotage: Sabotage | undefined;
  /** How long one condition is awaited before its step fails. */
  readonly limitMs: number;
}

/** Throws FailureError naming the step that failed. */
export async function runDemo(run: DemoRun): Promise<void> {
  const { write, clock, signal, limitMs } = run;
  const begun = clock.monotonic();
  using _ = onAbort(signal, () => write("\nStopped; removing the sandbox.\n"));
  const id = await withSandbox(run, async (sandbox) => {
    const steps = new Steps({ write, clock, signal, limitMs });
    const stage = stageOf(sandbox);
    await playDemo({
      stage,
      steps,
      write,
      signal,
      limitMs,
      now: () => clock.monotonic(),
      silentPods: run.sabotage === "silent-pod" ? 1 : 0,
      breakSomething: async (service) => {
        const node = sandbox.nodes.at(-1);
        if (run.sabotage !== "nodeport-jump" || node === undefined) return;
        // It would be put back within a second.
        await node.agent.kill();
        await removeNodePortJump(stageNode(node), service, signal);
      },
      logLines: (component) => linesAbout(sandbox, component),
    });
    write(`\nEvery step happened, in ${((clock.monotonic() - begun) / 1000).toFixed(1)} s.\n`);
    if (run.stay) await untilStopped(sandbox, run);
    return sandbox.id;
  });
  await checkNothingIsLeft(systemExec(run.environment), id);
  write("The sandbox is gone; nothing is left of it.\n");
}

async function withSandbox<T>(run: DemoRun, work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const { write, environment, logger, signal, sabotage } = run;
  write("Start a sandbox: a cluster of network namespaces on this machine\n");
  await using sandbox = await startSandbox({
    environment,
    logger,
    signal,
    onProgress: (step, durationMs) => write(`  ok    ${step} (${(durationMs / 1000).toFixed(2)} s)\n`),
    components: { agents: sabotage !== "agent", controller: sabotage !== "controller" },
    ...(sabotage === "balancer" ? { controllerPath: withoutBalancer } : {}),
  });
  return await work(sandbox);
}

function stageOf(sandbox: Sandbox): Stage {
  const { client, nodes } = sandbox;
  return { kubectl: (args, stdin) => sandbox.kubectl(args, stdin), client: client.exec, nodes: nodes.map(stageNode) };
}

function stageNode({ name, addresses: [address = ""], exec }: SandboxNode): StageNode {
  return { name, address, exec };
}

/** The log lines of the controller or of `agent NODE` that speak of the demo's Service. */
async function linesAbout(sandbox: Sandbox, component: string): Promise<readonly string[]> {
  const agent = sandbox.nodes.find(({ name }) => component === `agent ${name}`)?.agent;
  const text = await sandbox.logs(agent ?? sandbox.controller);
  return text.split("\n").filter((line) => line.includes('"service":"default/echo"'));
}

async function untilStopped({ kubeconfig, client }: Sandbox, { write, signal }: DemoRun): Promise<void> {
  write(`\nThe cluster stays up until Ctrl-C. In a second terminal:\n`);
  write(`  export KUBECONFIG=${kubeconfig}\n`);
  write(`  .tools/kubectl get services,pods -o wide\n`);
  write(`  ip netns exec ${client.netns} curl http://EXTERNAL-IP/\n`);
  await untilAbort(signal);
}

async function checkNothingIsLeft(exec: Exec, id: string): Promise<void> {
  const names = await listNetns(exec, { signal: AbortSignal.timeout(10_000) });
  const left = names.filter((name) => name.includes(id));
  if (left.length > 0)
    throw new FailureError(`step "leave nothing behind" failed: namespaces ${left.join(", ")} are left`);
}
