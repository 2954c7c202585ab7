import { request } from "node:http";
import { join } from "node:path";
import type { Pod } from "../../src/api/index.ts";
import { type Clock, FailureError } from "../../src/base/index.ts";
import { deleteNetns, type Exec } from "../../src/kernel/index.ts";
import { echoConfig, echoEntry } from "../echo/index.ts";
import { AddressNumbers } from "./address-numbers.ts";
import { type ClusterPlan, type NodePlan, podAddresses, podNetns, podsPerNode } from "./address-plan.ts";
import type { Runner, RunningPod } from "./kubelet.ts";
import { connectPod } from "./network.ts";
import { timestamp } from "./objects.ts";
import type { ContainerFacts, PodFacts } from "./pod-status.ts";
import { Program } from "./program.ts";
import { type ProbeAnswer, Readiness } from "./readiness.ts";

/** The image of the only program that pods run; any tag will do. */
const echoImage = /^berth\.dev\/echo(:[\w.-]+)?$/;
/** A container that ended is started again after so long. */
const restartAfterMs = 1_000;
const probeTimeoutMs = 1_000;

export interface PodRunnerOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly plan: ClusterPlan;
  /** Where logs and control sockets of pods go. */
  readonly dir: string;
  /** The environment of the echo servers. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Makes pods real: a namespace on a cable to its node, and an echo server for each container. */
export class PodRunner implements Runner {
  readonly #options: PodRunnerOptions;
  readonly #numbers: ReadonlyMap<string, AddressNumbers>;

  constructor(options: PodRunnerOptions) {
    this.#options = options;
    this.#numbers = new Map(options.plan.nodes.map(({ name }) => [name, new AddressNumbers(podsPerNode)]));
  }

  /** Throws FailureError when the node has no address left. */
  async run(pod: Pod, node: NodePlan, signal: AbortSignal): Promise<RunningPod> {
    const { exec, clock, plan, dir, environment } = this.#options;
    const { name = "", namespace = "", uid = "" } = pod.metadata;
    const numbers = this.#numbers.get(node.name);
    const number = numbers?.take();
    if (number === undefined) throw new FailureError(`node ${node.name} has no pod address left; add nodes`);
    const short = uid.slice(0, 8);
    const netns = podNetns(plan.id, { namespace, name });
    const addresses = podAddresses(node, number);
    const clear = async (): Promise<void> => {
      // Not the caller's signal: what is there has to go, whatever the caller has no time for.
      await deleteNetns(exec, netns, { signal: AbortSignal.timeout(10_000) });
    };
    try {
      await connectPod(exec, node, { netns, cable: `veth${short}`, addresses }, signal);
    } catch (error) {
      await clear().catch(() => {});
      numbers?.release(number);
      throw error;
    }
    const containers = (pod.spec?.containers ?? []).map((container, index) => {
      const { name: containerName, image = "" } = container;
      const control = join(dir, `${short}-${index}.sock`);
      const config = echoConfig({ pod: name, namespace, node: node.name, control }, container);
      const program = new Program({
        name: `pod ${namespace}/${name}`,
        command: [process.execPath, echoEntry, JSON.stringify(config)],
        environment: { ...environment, HOSTNAME: name },
        logPath: join(dir, `${namespace}.${name}.log`),
        netns,
      });
      return new RunningContainer({ name: containerName, image, control, program, clock });
    });
    const remove = async (): Promise<void> => {
      await clear();
      numbers?.release(number);
    };
    return new Namespace({ uid, containers, remove, clock, addresses, hostAddresses: node.addresses });
  }
}

interface NamespaceOptions {
  readonly uid: string;
  readonly containers: readonly RunningContainer[];
  /** Takes the namespace away and gives its addresses back. */
  readonly remove: () => Promise<void>;
  readonly clock: Clock;
  readonly addresses: readonly string[];
  readonly hostAddresses: readonly string[];
}

class Namespace implements RunningPod {
  readonly uid: string;
  readonly #options: NamespaceOptions;
  readonly #startedAt: string;
  #terminatingSince: number | undefined;

  constructor(options: NamespaceOptions) {
    this.uid = options.uid;
    this.#options = options;
    this.#startedAt = timestamp(options.clock.now());
  }

  async look(signal: AbortSignal): Promise<PodFacts> {
    const { addresses, hostAddresses, containers } = this.#options;
    const keep = this.#terminatingSince === undefined;
    return {
      addresses,
      hostAddresses,
      startedAt: this.#startedAt,
      containers: await Promise.all(containers.map((container) => container.look(keep, signal))),
    };
  }

  terminate(graceMs: number): boolean {
    const { containers, clock } = this.#options;
    const now = clock.monotonic();
    const first = this.#terminatingSince === undefined;
    this.#terminatingSince ??= now;
    const late = now - this.#terminatingSince >= graceMs;
    if (first || late) for (const container of containers) container.signal(late ? "SIGKILL" : "SIGTERM");
    return containers.every(({ running }) => !running);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#options.containers.map((container) => container.kill()));
    await this.#options.remove();
  }
}

interface RunningContainerOptions {
  readonly name: string;
  readonly image: string;
  /** Path of the echo server's control socket. */
  readonly control: string;
  readonly program: Program;
  readonly clock: Clock;
}

class RunningContainer {
  readonly #options: RunningContainerOptions;
  #readiness = new Readiness();
  #starts = 0;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #startedAt = "";

  constructor(options: RunningContainerOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#options.program.pid !== undefined;
  }

  async look(keep: boolean, signal: AbortSignal): Promise<ContainerFacts> {
    const { name, image, program, clock, control } = this.#options;
    if (!echoImage.test(image)) return { ...this.#facts(name, image, false), waiting: foreignImage(image) };
    if (keep && !this.running && clock.monotonic() - this.#startedAtMs >= restartAfterMs) {
      this.#starts += 1;
      this.#readiness = new Readiness();
      this.#startedAtMs = clock.monotonic();
      this.#startedAt = timestamp(clock.now());
      await program.start();
    }
    return this.#facts(name, image, this.running && this.#readiness.after(await probe(control, signal)));
  }

  signal(name: NodeJS.Signals): void {
    this.#options.program.signal(name);
  }

  async kill(): Promise<void> {
    await this.#options.program.kill();
  }

  #facts(name: string, image: string, ready: boolean): ContainerFacts {
    const restarts = Math.max(0, this.#starts - 1);
    return { name, image, ready, restarts, running: this.running, startedAt: this.#startedAt };
  }
}

function foreignImage(image: string): { reason: string; message: string } {
  return { reason: "ErrImagePull", message: `image ${image}: the sandbox runs only berth.dev/echo` };
}

/** Asks the echo server over its control socket. One that is not there yet is as silent as one that is slow. */
async function probe(socketPath: string, signal: AbortSignal): Promise<ProbeAnswer> {
  const { promise, resolve } = Promise.withResolvers<ProbeAnswer>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)]);
  request({ socketPath, path: "/healthz", signal: limit, agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200 ? "ready" : "not ready");
  })
    .on("error", () => resolve("silent"))
    .end();
  return await promise;
}
