import { mkdir, readFile } from "node:fs/promises";
import { type Clock, FailureError, onAbort, type Random, systemClock, systemRandom } from "../../src/base/index.ts";
import {
  type Exec,
  type ExecOptions,
  execOk,
  netnsExec,
  ProgramMissingError,
  systemExec,
} from "../../src/kernel/index.ts";
import type { Family } from "../../src/net/index.ts";
import type { Logger } from "../../src/telemetry/index.ts";
import { type HostPlan, type NodePlan, planCluster } from "./address-plan.ts";
import { filesOf } from "./components.ts";
import { buildNetwork } from "./network.ts";
import type { Program } from "./program.ts";
import { balancerDir, claimRun } from "./registry.ts";
import { Start } from "./start.ts";
import { removeRun, runMark, sweep } from "./sweep.ts";

export interface SandboxOptions {
  /** What every process of the sandbox sees, beside the mark of its run. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Ends the start; a sandbox that is up is ended by disposing it. */
  readonly signal: AbortSignal;
  /** 3 by default. */
  readonly nodes?: number;
  /** Both by default. */
  readonly families?: readonly Family[];
  /** Called after each step of the start. */
  readonly onProgress?: (step: string, durationMs: number) => void;
  /** What Node objects say of where they come from; of the sandbox itself by default. */
  readonly providerId?: (node: NodePlan) => string;
  /** Which of ours start; all by default. */
  readonly components?: { readonly agents?: boolean; readonly controller?: boolean };
  readonly agentArgs?: readonly string[];
  readonly controllerArgs?: readonly string[];
  /** A directory that agents look into for programs first. */
  readonly agentPath?: string;
  /** The same for the controller and the balancers that it starts. */
  readonly controllerPath?: string;
  /** More controllers of the same cluster, which whoever asks for them starts. */
  readonly rivals?: readonly RivalOptions[];
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What `controllerArgs` and `controllerPath` are to the first controller. */
export interface RivalOptions {
  readonly args: readonly string[];
  readonly path: string;
}

/** A place in the network and the way to run programs there. */
export interface Place {
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly exec: Exec;
}

export interface SandboxNode extends Place {
  readonly name: string;
  readonly zone: string;
  readonly podCidrs: readonly string[];
  readonly agent: Program;
}

/** A running cluster of network namespaces. Disposing it ends every process and removes everything it has made. */
export interface Sandbox extends AsyncDisposable {
  readonly id: string;
  readonly runDir: string;
  /** For the host: reaches the API server over a loopback port. */
  readonly kubeconfig: string;
  readonly nodes: readonly SandboxNode[];
  /** Outside of the cluster, on the network that load balancers are on. */
  readonly client: Place;
  /** The control plane's host; its namespace holds the bridge. */
  readonly fabric: Place;
  readonly apiserver: Program;
  readonly controller: Program;
  /** Those of the options, in their order. */
  readonly rivals: readonly Program[];
  /** Runs kubectl as the cluster's admin; throws with what it printed when it fails. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** What a program has logged so far, all its lives together. */
  logs(program: Program): Promise<string>;
}

/** How long the end may take before what cannot be removed is reported. */
const endWithinMs = 30_000;
export const kubectlProgram: string = new URL("../../.tools/kubectl", import.meta.url).pathname;

/** Removes what dead runs have left, then starts a cluster. When that fails or is aborted, nothing stays. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { environment, signal, logger, clock = systemClock, random = systemRandom } = options;
  const { nodes: nodeCount = 3, families = ["IPv4", "IPv6"] } = options;
  const { agents: withAgents = true, controller: withController = true } = options.components ?? {};
  if (process.getuid?.() !== 0)
    throw new FailureError("the sandbox makes network namespaces, which only root may; run it as root or with sudo");
  const exec = systemExec(environment);
  const dead = await sweep(exec, signal);
  if (dead.length > 0) logger.info("removed what earlier runs had left", { what: dead.join(" ") });

  await using stack = new AsyncDisposableStack();
  const run = await claimRun(random);
  stack.defer(() => removeRun(exec, run, AbortSignal.timeout(endWithinMs)));
  const files = filesOf(run);
  for (const dir of [files.logs, files.pods, balancerDir(run)]) await mkdir(dir);
  const plan = planCluster(run.id, nodeCount, families);
  const ending = new AbortController();
  using _aborted = onAbort(signal, () => ending.abort(signal.reason));
  const start = new Start({
    run,
    plan,
    exec,
    stack,
    clock,
    logger,
    signal: ending.signal,
    environment: { ...environment, ...runMark(run.id) },
    onProgress: options.onProgress ?? (() => {}),
    providerId: options.providerId ?? (({ name }) => `berth://${run.id}/${name}`),
  });

  await start.step(`network of ${nodeCount} nodes and a client outside`, () => buildNetwork(exec, plan, signal));
  const apiserver = await start.step("API server", () => start.apiserver());
  const client = await start.connect();
  await Promise.all([start.accounts(client), start.definitions(client)]);
  const agents = plan.nodes.map((node) => start.agent(node, options.agentArgs ?? [], options.agentPath));
  const controller = start.controller("controller", options.controllerArgs ?? [], options.controllerPath);
  const rivals = (options.rivals ?? []).map(({ args, path }, i) => start.controller(`controller-${i + 2}`, args, path));
  // Most of a start is Node reading our own sources: side by side on as many processors as there are.
  const starts = [
    start.step("kubelets, scheduler, Deployments, EndpointSlices", () => start.loops(client)),
    ...(withAgents ? [start.step(`${nodeCount} agents`, () => start.agentsReady(agents))] : []),
    ...(withController ? [start.step("controller", () => start.controllerReady(controller, client))] : []),
  ];
  try {
    await Promise.all(starts);
  } catch (error) {
    // Nobody may go on starting things while the stack ends them.
    ending.abort(error);
    await Promise.allSettled(starts);
    throw error;
  }

  const place = ({ netns, addresses }: HostPlan): Place => ({ netns, addresses, exec: netnsExec(exec, netns) });
  const owned = stack.move();
  return {
    id: run.id,
    runDir: run.dir,
    kubeconfig: files.kubeconfig,
    nodes: agents.map(({ node, program }) => ({ ...node, ...place(node), agent: program })),
    client: place(plan.client),
    fabric: place(plan.fabric),
    apiserver,
    controller,
    rivals,
    kubectl: (args, stdin = "") =>
      kubectl(exec, [`--kubeconfig=${files.kubeconfig}`, `--cache-dir=${files.kubectlCache}`, ...args], {
        signal,
        stdin,
      }),
    logs: ({ logPath }) => readFile(logPath, "utf8").catch(() => ""),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function kubectl(exec: Exec, args: readonly string[], options: ExecOptions): Promise<string> {
  try {
    return await execOk(exec, kubectlProgram, args, options);
  } catch (error) {
    if (!(error instanceof ProgramMissingError)) throw error;
    throw new FailureError(`${kubectlProgram} is missing; 'make setup' puts it there`, { cause: error });
  }
}
