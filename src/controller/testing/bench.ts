import { setImmediate } from "node:timers/promises";
import { agentLeaseNamespace, conditionTypes, loadBalancerRecords } from "../../api/index.ts";
import { FakeClock } from "../../base/fake-clock.ts";
import { openPool, usableRange } from "../../ipam/index.ts";
import type { EventRecorder } from "../../kube/index.ts";
import { type ClassPolicy, plainClasses } from "../../model/index.ts";
import { parseCidr } from "../../net/index.ts";
import type { ProviderAdapter } from "../../provider/index.ts";
import { MemoryProvider, World } from "../../provider/testing/memory-provider.ts";
import { createMetrics, type Logger, type Metrics, nullLogger } from "../../telemetry/index.ts";
import { Controller } from "../index.ts";
import type { NodePortSettings } from "../node-ports/node-ports.ts";
import type { OrphanPolicy } from "../orphans/index.ts";
import type { TermOptions } from "../term-options.ts";
import { FakeApi } from "./fake-api.ts";

export interface BenchOptions {
  readonly providers?: readonly ProviderAdapter[];
  readonly classes?: ReadonlyMap<string, string>;
  readonly unclassed?: string;
  readonly pool?: readonly string[];
  readonly workers?: number;
  readonly clusterId?: string;
  /** Instead of `events`. */
  readonly recorder?: Pick<EventRecorder, "event">;
  /** The API server serves Records. */
  readonly records?: boolean;
  readonly nodePorts?: NodePortSettings["policy"];
  readonly orphans?: OrphanPolicy;
  /** It does not lead before it is told to `win`. */
  readonly standby?: boolean;
  readonly budgets?: TermOptions["budgets"];
  readonly nodesWithoutAgent?: TermOptions["nodesWithoutAgent"];
  readonly logger?: Logger;
  /** All classes are left. */
  readonly leaves?: boolean;
  /** What holds for every class besides. */
  readonly policy?: Partial<ClassPolicy>;
}

/** A controller that runs: end it with `stop`. */
export interface Running {
  readonly metrics: Metrics;
  readonly controller: Controller;
  /** What its page says of it, as JSON. */
  state(query?: string): unknown;
  /** A standby leads from now on. */
  win(): void;
  /** Takes leadership away without asking. */
  loseLease(): void;
  stop(): Promise<void>;
}

/** An API server, the outside and a clock, on which controllers come and go. */
export class Bench {
  readonly api: FakeApi = new FakeApi();
  readonly world: World = new World();
  readonly clock: FakeClock = new FakeClock();
  /** `Normal EnsuredLoadBalancer default/web: note` */
  readonly events: string[] = [];

  constructor() {
    for (const name of ["node1", "node2"]) this.api.createNode(name);
  }

  start(options: BenchOptions = {}): Running {
    const { providers = [new MemoryProvider(this.world)], unclassed, clusterId = "cluster-1" } = options;
    const prefixes = (options.pool ?? ["192.0.2.0/29"]).flatMap((text) => parseCidr(text) ?? []);
    const pool = openPool("--address-pool", prefixes.map(usableRange));
    if (options.records !== true) this.api.missing.add(loadBalancerRecords.plural);
    const metrics = createMetrics();
    const byProvider = options.classes ?? new Map(providers.map(({ name }) => [name, `berth.dev/${name}`]));
    const plain = plainClasses(byProvider, unclassed);
    const policies = [...plain.byClass].map(([name, policy]) => [name, { ...policy, ...options.policy }] as const);
    const classes = { ...plain, byClass: new Map(policies), areLeft: options.leaves === true };
    const controller = new Controller({
      client: this.api.client,
      recorder: options.recorder ?? {
        event: ({ metadata }, { type, reason, note }) =>
          void this.events.push(`${type} ${reason} ${metadata.namespace}/${metadata.name}: ${note}`),
      },
      providers,
      classes,
      clusterId,
      pool,
      agentNamespace: agentLeaseNamespace,
      nodesWithoutAgent: options.nodesWithoutAgent ?? "Exclude",
      nodePorts: { policy: options.nodePorts ?? "Require", range: { first: 30_000, last: 32_767 } },
      orphans: options.orphans ?? { deletes: false, graceMs: 3_600_000 },
      workers: options.workers ?? 4,
      ...(options.budgets !== undefined && { budgets: options.budgets }),
      driftResyncMs: 600_000,
      logger: options.logger ?? nullLogger,
      metrics,
      clock: this.clock,
      random: () => 0.5,
    });
    const stopping = new AbortController();
    let leading = true;
    const watching = controller.watch(stopping.signal);
    const won = Promise.withResolvers<void>();
    if (options.standby !== true) won.resolve();
    const led = won.promise.then(() =>
      controller.lead(stopping.signal, () => (leading ? undefined : "the lease is not ours any more")),
    );
    return {
      metrics,
      controller,
      state: (query = "") => JSON.parse(JSON.stringify(controller.state(new URLSearchParams(query)))),
      win: () => won.resolve(),
      loseLease: () => {
        leading = false;
      },
      stop: async () => {
        stopping.abort(new Error("stopped by the test"));
        won.resolve();
        await Promise.all([watching, led.catch(() => {})]);
      },
    };
  }

  /** Everything in this process has come to rest. */
  async settled(): Promise<void> {
    for (let i = 0; i < 300; i++) await setImmediate();
  }

  /** Waits until `condition` holds; nothing here takes real time, so it holds soon or never. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 5000; i++) {
      if (condition()) return;
      await setImmediate();
    }
    throw new Error(`it did not happen: ${what}`);
  }

  async ready(name: string): Promise<void> {
    await this.until(() => this.condition(name, "ready").startsWith("True"), `${name} is ready`);
    await this.settled();
  }

  /** `True Programmed`, or nothing. */
  condition(name: string, aspect: keyof typeof conditionTypes): string {
    const found = this.api.service(name)?.status?.conditions?.find(({ type }) => type === conditionTypes[aspect]);
    return found === undefined ? "" : `${found.status} ${found.reason}`;
  }

  message(name: string, aspect: keyof typeof conditionTypes): string {
    return (
      this.api.service(name)?.status?.conditions?.find(({ type }) => type === conditionTypes[aspect])?.message ?? ""
    );
  }

  addresses(name: string): readonly string[] {
    return (this.api.service(name)?.status?.loadBalancer?.ingress ?? []).map(({ ip = "" }) => ip);
  }

  finalizers(name: string): readonly string[] {
    return this.api.service(name)?.metadata.finalizers ?? [];
  }

  eventReasons(): readonly string[] {
    return this.events.map((text) => text.split(" ").slice(0, 2).join(" "));
  }
}
