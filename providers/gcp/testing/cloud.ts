// Compute Engine as the sandbox plays it, and adapters that drive it by the npm client.

import { env } from "node:process";
import { FakeGce, type FakeGceOptions, type Machine } from "../../../sandbox/gce/index.ts";
import { type Clock, systemClock } from "../../../src/base/index.ts";
import type { NodeTarget } from "../../../src/model/index.ts";
import { contentHash, Requests, type ScopeKey } from "../../../src/provider/index.ts";
import { type ServiceDesired } from "../../../src/provider/testing/conformance.ts";
import { Drive } from "../../../src/provider/testing/drive.ts";
import type { GcpAdapter } from "../adapter.ts";
import { ComputeClient, type Connection, connect } from "../client.ts";
import { createAdapter } from "../index.ts";
import type { Settings } from "../settings.ts";
import { settings as defaults, desiredLb, node } from "./values.ts";

export const machines: readonly Machine[] = [
  { name: "b1", zone: "europe-west1-b", address: "10.0.0.1", subnetwork: "nodes" },
  { name: "b2", zone: "europe-west1-b", address: "10.0.0.2", subnetwork: "nodes" },
  { name: "c1", zone: "europe-west1-c", address: "10.0.0.3", subnetwork: "nodes" },
];

export interface CloudOptions extends Partial<FakeGceOptions> {
  readonly settings?: Settings;
  readonly clock?: Clock;
}

/** Left out of every one: whether an acceptance test misses it is asked by e2e/tools/fake-gce-rules.ts. */
const withoutEverywhere = env["FAKE_GCE_OFF"];

export class Cloud implements AsyncDisposable {
  readonly gce: FakeGce;
  readonly #connection: Connection;
  readonly #options: CloudOptions;

  private constructor(gce: FakeGce, connection: Connection, options: CloudOptions) {
    this.gce = gce;
    this.#connection = connection;
    this.#options = options;
  }

  static async start(options: CloudOptions = {}): Promise<Cloud> {
    const { project, region, network, subnetwork } = options.settings ?? defaults;
    const gce = await FakeGce.start({
      project,
      region,
      network,
      subnetworks: [subnetwork, "other"],
      machines,
      probe: () => true,
      // What is seen while operations go on is the matter of the tests that say so.
      steps: 0,
      ...(withoutEverywhere !== undefined && { without: withoutEverywhere }),
      ...options,
    });
    return new Cloud(gce, await connect(gce.url), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gce[Symbol.asyncDispose]();
  }

  /** Makes so many machines in a zone, `b` or `c`, whose nodes these are. */
  addMany(zone: string, count: number): readonly NodeTarget[] {
    return Array.from({ length: count }, (_, i) => {
      const name = `${zone}-many-${i}`;
      const address = `10.${zone.charCodeAt(0)}.${Math.floor(i / 250)}.${(i % 250) + 1}`;
      this.gce.addMachine({ name, zone: `europe-west1-${zone}`, address, subnetwork: "nodes" });
      return node(name, zone, address);
    });
  }

  client(fence: () => string | undefined = () => undefined): ComputeClient {
    return new ComputeClient(this.#connection, new Requests({ fence, clock: this.#clock }));
  }

  /** One without memory, as after a restart. */
  adapter(fence: () => string | undefined = () => undefined, clock: Clock = this.#clock): GcpAdapter {
    const { settings = defaults } = this.#options;
    return createAdapter({ settings, connection: this.#connection, fence, clock, pollMs: 1 });
  }

  /** One that is told otherwise. */
  adapterWith(settings: Settings, clock: Clock = this.#clock): GcpAdapter {
    const fence = (): undefined => undefined;
    return createAdapter({ settings, connection: this.#connection, fence, clock, pollMs: 1 });
  }

  /** Until a wish is fulfilled, or all of it is gone. */
  async converge(wish: ServiceDesired | null, adapter: GcpAdapter = this.adapter()): Promise<void> {
    await new Drive(adapter, wish, adapter.scopes((wish ?? wishOf()).lb)).run();
  }

  /** Until scopes are gone, by a controller that knows nothing of what was wanted of them. */
  async tearDown(keys: readonly ScopeKey[]): Promise<void> {
    await new Drive(this.adapter(), null, keys).run();
  }

  /** What was asked for since the last time, without what only looks. */
  takeWrites(): readonly string[] {
    const { journal } = this.gce;
    const writes = journal.filter(({ isWrite }) => isWrite).map(({ method, path }) => `${method} ${shortPath(path)}`);
    journal.length = 0;
    return writes;
  }

  /** All that there is, apart from groups that no machine is in. */
  fingerprint(): string {
    const { resources, endpoints } = this.gce.world;
    const isEmpty = (path: string): boolean => (endpoints.get(path) ?? []).length === 0;
    const lines = [...resources].flatMap(([path, body]) => {
      if (path.includes("/networkEndpointGroups/"))
        return isEmpty(path) ? [] : [JSON.stringify({ path, members: endpoints.get(path)?.toSorted() })];
      const backends = body["backends"] as readonly { readonly group: string }[] | undefined;
      const used = backends?.filter(({ group }) => !isEmpty(group.replace(/^.*\/compute\/v1\//, "")));
      return [`${path} ${contentHash({ ...body, ...notTwice, backends: used })}`];
    });
    return lines.sort().join("\n");
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock;
  }
}

export const nodes: readonly NodeTarget[] = [
  node("b1", "b", "10.0.0.1"),
  node("b2", "b", "10.0.0.2"),
  node("c1", "c", "10.0.0.3"),
];

export function wishOf(
  changes: Parameters<typeof desiredLb>[0] = {},
  targets: readonly NodeTarget[] = nodes,
): ServiceDesired {
  return { kind: "service", lb: desiredLb(changes), nodes: targets };
}

/** What is another each time that a resource is made or changed; the address that it was given is not among it. */
const notTwice = {
  id: undefined,
  fingerprint: undefined,
  labelFingerprint: undefined,
  creationTimestamp: undefined,
  selfLinkWithId: undefined,
};

/** Without project and region. */
function shortPath(path: string): string {
  return path.replace(/^projects\/[^/]+\/(regions\/[^/]+\/|global\/)?/, "");
}
