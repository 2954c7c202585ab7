import { access } from "node:fs/promises";
import { join } from "node:path";
import { Registry } from "prom-client";
import { leases } from "../../src/api/index.ts";
import { type Clock, FailureError, withTimeout } from "../../src/base/index.ts";
import { type Exec, netnsExec } from "../../src/kernel/index.ts";
import { isNotFound, KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import type { Logger } from "../../src/telemetry/index.ts";
import type { ClusterPlan, NodePlan } from "./address-plan.ts";
import { agentCommand, apiAddress, apiserverCommand, type Command, controllerCommand, filesOf } from "./components.ts";
import { loadDefinitions } from "./definitions.ts";
import { copyKubeconfig } from "./kubeconfig.ts";
import { Kubelet } from "./kubelet.ts";
import { Loops } from "./loops.ts";
import { registerNodes } from "./node-objects.ts";
import { timestamp } from "./objects.ts";
import { PodRunner } from "./pod-runner.ts";
import { lastLines, Program, ProgramEndedError, untilReady } from "./program.ts";
import { type Run } from "./registry.ts";
import { startRelay } from "./relay.ts";
import { accountToken, loadShippedRoles, type RoleOwner, writeTokenKubeconfig } from "./service-accounts.ts";
import { ClusterState } from "./state.ts";

export interface StartOptions {
  readonly run: Run;
  readonly plan: ClusterPlan;
  readonly exec: Exec;
  /** Ends what was started, in reverse order. */
  readonly stack: AsyncDisposableStack;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Of every process, the mark of the run included. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onProgress: (step: string, durationMs: number) => void;
  readonly providerId: (node: NodePlan) => string;
}

export interface Agent {
  readonly node: NodePlan;
  readonly program: Program;
}

const readyWithinMs = 30_000;
const agentHealth = "http://127.0.0.1:10256/healthz";

/** The parts of a sandbox's start, each of which leaves its own end on the stack. */
export class Start {
  readonly #options: StartOptions;
  /** Of the client and the loops; nobody reads them. */
  readonly #metrics = new Registry();

  constructor(options: StartOptions) {
    this.#options = options;
  }

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { signal, clock, onProgress } = this.#options;
    signal.throwIfAborted();
    const begin = clock.monotonic();
    const result = await work();
    onProgress(name, clock.monotonic() - begin);
    return result;
  }

  async apiserver(): Promise<Program> {
    const { run, plan, stack } = this.#options;
    const files = filesOf(run);
    const program = this.#program("apiserver", apiserverCommand(run, plan), { netns: plan.fabric.netns });
    await this.#ready(program, () => exists(files.apiKubeconfig));
    const relay = stack.use(await startRelay({ path: files.apiSocket }));
    await copyKubeconfig(files.apiKubeconfig, files.kubeconfig, `https://127.0.0.1:${relay.port}`);
    await copyKubeconfig(files.apiKubeconfig, files.nodeKubeconfig, `https://${apiAddress(plan)}`);
    return program;
  }

  /** The sandbox's own connection to its API server. */
  async connect(): Promise<KubeClient> {
    const { run, stack } = this.#options;
    const connection = await loadKubeconfig(filesOf(run).kubeconfig);
    return stack.use(new KubeClient({ connection, metrics: this.#metrics }));
  }

  /** Agents and controller work with the rights that they ship with, and no more. */
  async accounts(client: KubeClient): Promise<void> {
    const { run, signal } = this.#options;
    const files = filesOf(run);
    await loadShippedRoles(client, signal);
    const give = async (owner: RoleOwner, from: string, to: string): Promise<void> =>
      await writeTokenKubeconfig(from, to, await accountToken(client, owner, signal));
    await give("agent", files.nodeKubeconfig, files.agentKubeconfig);
    await give("controller", files.kubeconfig, files.controllerKubeconfig);
  }

  /** Our own kinds, as an installation has them. */
  async definitions(client: KubeClient): Promise<void> {
    await loadDefinitions(client, this.#options.signal);
  }

  /** What a control plane and its kubelets do for Services, in this process. */
  async loops(client: KubeClient): Promise<void> {
    const { run, plan, exec, stack, clock, logger, signal, environment, providerId } = this.#options;
    const metrics = this.#metrics;
    const state = new ClusterState({ client, clock, logger, metrics });
    const runner = new PodRunner({ exec, clock, plan, dir: filesOf(run).pods, environment });
    const kubelet = new Kubelet({ client, pods: state.pods, nodes: plan.nodes, runner, clock, logger });
    const loops = new Loops({ client, state, kubelet, clock, logger, metrics });
    const stop = new AbortController();
    const ended = Promise.all([state.run(stop.signal), loops.run(stop.signal)]);
    stack.defer(async () => {
      stop.abort(new Error("the sandbox ends"));
      await ended;
    });
    await registerNodes(client, plan, { now: timestamp(clock.now()), providerId }, signal);
    await state.synced(signal);
    signal.throwIfAborted();
  }

  agent(node: NodePlan, args: readonly string[], path: string | undefined): Agent {
    const { run, plan } = this.#options;
    const command = agentCommand(run, plan, node, args);
    const rest = { netns: node.netns, environment: this.#withPath(path) };
    return { node, program: this.#program(`agent-${node.name}`, command, rest) };
  }

  controller(name: string, args: readonly string[], path: string | undefined): Program {
    const { run, plan } = this.#options;
    return this.#program(name, controllerCommand(run, plan, args), { environment: this.#withPath(path) });
  }

  /** The environment with a directory that is looked into for programs first. */
  #withPath(first: string | undefined): StartOptions["environment"] {
    const { environment } = this.#options;
    return first === undefined ? environment : { ...environment, PATH: `${first}:${environment["PATH"] ?? ""}` };
  }

  async agentsReady(agents: readonly Agent[]): Promise<void> {
    const { exec } = this.#options;
    await Promise.all(
      agents.map(({ node, program }) =>
        this.#ready(program, (signal) => answers(netnsExec(exec, node.netns), agentHealth, signal)),
      ),
    );
  }

  /** A controller works as soon as it holds its Lease. */
  async controllerReady(controller: Program, client: KubeClient): Promise<void> {
    const at = { namespace: "kube-system", name: "berth-controller" };
    await this.#ready(controller, async (signal) => {
      const lease = await client.get(leases, at, signal).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
      return Boolean(lease?.spec?.holderIdentity);
    });
  }

  #program(
    name: string,
    command: Command,
    rest: { netns?: string; environment?: StartOptions["environment"] } = {},
  ): Program {
    const { run, stack, logger, environment } = this.#options;
    const program = new Program({
      name,
      command,
      environment,
      logPath: join(filesOf(run).logs, `${name}.log`),
      onCrash: ({ logPath }) => logger.error("component ended by itself", { what: name, path: logPath }),
      ...rest,
    });
    stack.defer(() => program.stop());
    return program;
  }

  /** Starts a program and waits until it does its work. */
  async #ready(program: Program, isReady: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
    const { signal, clock } = this.#options;
    await program.start();
    using limit = withTimeout(signal, readyWithinMs, program.name, clock);
    try {
      await untilReady(program, isReady, limit.signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof ProgramEndedError || error === limit.signal.reason)) throw error;
      const what = error instanceof ProgramEndedError ? "ended" : `is not ready after ${readyWithinMs / 1000} s`;
      throw new FailureError(`${program.name} ${what}; it says: ${await lastLines(program.logPath)}`);
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function answers(from: Exec, url: string, signal: AbortSignal): Promise<boolean> {
  const { code } = await from.run("curl", ["-sf", "--max-time", "2", "-o", "/dev/null", url], { signal });
  return code === 0;
}
