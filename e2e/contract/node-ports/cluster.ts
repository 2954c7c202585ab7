import { Registry } from "prom-client";
import {
  agentLeaseNamespace,
  conditionTypes,
  nodes,
  type Service,
  type ServiceSpec,
  services,
} from "../../../src/api/index.ts";
import { sleep, systemClock, systemRandom } from "../../../src/base/index.ts";
import { Controller } from "../../../src/controller/index.ts";
import { openPool, usableRange } from "../../../src/ipam/index.ts";
import { isNotFound, KubeClient, loadKubeconfig } from "../../../src/kube/index.ts";
import { type NodePortsPolicy, plainClasses } from "../../../src/model/index.ts";
import { type Cidr, type PortRange, parseCidr } from "../../../src/net/index.ts";
import { MemoryProvider, World } from "../../../src/provider/testing/memory-provider.ts";
import { createMetrics, nullLogger } from "../../../src/telemetry/index.ts";
import type { Target } from "../target.ts";

/** Far beyond what a slow machine needs: reaching it means that what is awaited never comes. */
const patienceMs = 60_000;
const namespace = "default";
const { signal } = new AbortController();

export interface RunOptions {
  readonly policy: NodePortsPolicy["policy"];
  readonly band?: NodePortsPolicy["band"];
  readonly range?: PortRange;
  /** Called before the controller writes to a Service itself, with the node ports that it is about to set. */
  readonly onAmend?: (nodePorts: readonly number[]) => Promise<void>;
}

/** An API server, its administrator, and controllers that come and go on it with a provider in memory. */
export class Cluster implements AsyncDisposable {
  readonly #client: KubeClient;
  readonly #world = new World();
  readonly #stack: AsyncDisposableStack;

  private constructor(client: KubeClient, stack: AsyncDisposableStack) {
    this.#client = client;
    this.#stack = stack;
  }

  static async start(target: Target): Promise<Cluster> {
    await using stack = new AsyncDisposableStack();
    const { kubeconfig } = stack.use(await target.start());
    const connection = await loadKubeconfig(kubeconfig);
    const client = stack.use(new KubeClient({ connection, metrics: new Registry() }));
    const status = { addresses: [{ type: "InternalIP", address: "192.0.2.250" }] };
    await client.create(nodes, { metadata: { name: "node-a" }, status }, signal);
    return new Cluster(client, stack.move());
  }

  async create(name: string, spec: Partial<ServiceSpec>): Promise<Service> {
    const ours = { type: "LoadBalancer", loadBalancerClass: "berth.dev/memory" };
    const whole = spec.type === undefined ? { ...ours, ...spec } : spec;
    return await this.#client.create(services, { metadata: { namespace, name }, spec: whole }, signal);
  }

  async patch(name: string, body: object): Promise<void> {
    await this.#client.patch(services, { namespace, name }, { type: "merge", body }, signal);
  }

  async get(name: string): Promise<Service | undefined> {
    try {
      return await this.#client.get(services, { namespace, name }, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async delete(name: string): Promise<void> {
    await this.#client.delete(services, { namespace, name }, signal);
    await this.until(name, (service) => service === undefined);
  }

  /** The Service once it is so. */
  async until(name: string, condition: (service: Service | undefined) => boolean): Promise<Service | undefined> {
    const limit = AbortSignal.timeout(patienceMs);
    for (;;) {
      const service = await this.get(name);
      if (condition(service)) return service;
      await sleep(20, limit);
    }
  }

  /** The message of the condition once it has this status and reason. */
  async condition(name: string, aspect: keyof typeof conditionTypes, wanted: string): Promise<string | undefined> {
    const find = (service: Service | undefined): { status: string; reason: string; message: string } | undefined =>
      service?.status?.conditions?.find(({ type }) => type === conditionTypes[aspect]);
    const service = await this.until(name, (now) => {
      const found = find(now);
      return `${found?.status} ${found?.reason}` === wanted;
    });
    return find(service)?.message;
  }

  /** A controller until the end of the scope. */
  run({ policy, band, range = { first: 30_000, last: 32_767 }, onAmend }: RunOptions): AsyncDisposable {
    const client = this.#client;
    const amending: KubeClient["mergePatch"] = async (resource, object, body, until, part) => {
      const ports = (body as { spec?: ServiceSpec }).spec?.ports;
      if (ports !== undefined) await onAmend?.(ports.map(({ nodePort = 0 }) => nodePort));
      return await client.mergePatch(resource, object, body, until, part);
    };
    const plain = plainClasses(new Map([["memory", "berth.dev/memory"]]), undefined);
    const nodePorts = { policy, ...(band === undefined ? {} : { band }) };
    const byClass = new Map([...plain.byClass].map(([name, each]) => [name, { ...each, nodePorts }]));
    const metrics = createMetrics();
    const controller = new Controller({
      client: {
        get: client.get.bind(client),
        list: client.list.bind(client),
        listAll: client.listAll.bind(client),
        watch: client.watch.bind(client),
        create: client.create.bind(client),
        delete: client.delete.bind(client),
        mergePatch: amending,
      },
      recorder: { event: () => {} },
      providers: [new MemoryProvider(this.#world)],
      classes: { ...plain, byClass },
      clusterId: "cluster-1",
      pool: openPool("--address-pool", [usableRange(parseCidr("192.0.2.0/24") as Cidr)]),
      agentNamespace: agentLeaseNamespace,
      nodesWithoutAgent: "Exclude",
      nodePorts: { policy: "Require", range },
      orphans: { deletes: false, graceMs: 0 },
      workers: 2,
      driftResyncMs: 600_000,
      logger: nullLogger,
      metrics,
      clock: systemClock,
      random: systemRandom,
    });
    const stop = new AbortController();
    const work = Promise.allSettled([controller.watch(stop.signal), controller.lead(stop.signal, () => undefined)]);
    return {
      [Symbol.asyncDispose]: async () => {
        stop.abort(new Error("the test is over"));
        await work;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
