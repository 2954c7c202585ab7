// `node bench/kube/main.ts`: our informer beside those of client-node and client-go, each in a process of its own, in
// turns, against the same API server with the same objects. What counts is their ratio; nothing fails because a
// machine is slow.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubeApiserver } from "../../e2e/contract/kube-apiserver.ts";
import { sandbox } from "../../e2e/contract/sandbox.ts";
import type { ControlPlane } from "../../e2e/contract/target.ts";
import { KubeClient, type KubeConnection, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { describeMachine } from "../machine.ts";
import { interleave } from "../statistics.ts";
import { contenders, requireClientGo } from "./contenders.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { type Life, live, type Stage } from "./life.ts";
import { report } from "./report.ts";
import { Workload } from "./workload.ts";

async function run({ slices, changes, rounds, server }: Flags, signal: AbortSignal): Promise<void> {
  requireClientGo();
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const real = server === "real";
  const controlPlane: ControlPlane & { readonly restart?: () => Promise<void> } = stack.use(
    await (real ? kubeApiserver : sandbox).start(),
  );
  const connection = await loadKubeconfig(controlPlane.kubeconfig);
  const client = stack.use(new KubeClient({ connection, metrics: createMetrics() }));

  const workload = new Workload(client, slices);
  const begin = performance.now();
  await workload.create(signal);
  process.stderr.write(`${slices} EndpointSlices written in ${((performance.now() - begin) / 1000).toFixed(0)} s\n`);
  const stage: Stage = {
    workload,
    changes,
    objects: await workload.size(signal),
    environment: await podEnvironment(connection, folder),
    restart: controlPlane.restart,
  };
  const lives: Life[] = [];
  for (const contender of interleave(contenders(folder, controlPlane.kubeconfig, real), rounds)) {
    const life = await live(stage, contender, signal);
    lives.push(life);
    process.stderr.write(`${contender.name}: synced after ${life.syncMs.toFixed(0)} ms\n`);
  }
  process.stdout.write(`${describeMachine()}\n\n${report(lives)}\n`);
}

/** What a pod gets: the address in its environment, token and CA in a folder. */
async function podEnvironment(connection: KubeConnection, folder: string): Promise<Record<string, string | undefined>> {
  const { tls, headers } = await connection.credentials();
  await writeFile(join(folder, "ca.crt"), tls.ca ?? "");
  await writeFile(join(folder, "token"), headers["authorization"]?.replace(/^Bearer /, "") ?? "", { mode: 0o600 });
  const { hostname, port } = new URL(connection.server);
  // As `bin/berth` does: most of a start is Node reading our sources.
  const cache = new URL("../../node_modules/.cache/berth", import.meta.url).pathname;
  return {
    NODE_COMPILE_CACHE: cache,
    ...process.env,
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
  };
}

await asCommand("bench/kube", async (argv, signal) => await run(parseFlags(argv), signal));
