import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { expect, vi } from "vitest";
import { type EndpointSlice, endpointSlices } from "../../../src/api/index.ts";
import { FakeClock } from "../../../src/base/fake-clock.ts";
import { inClusterConnection, KubeClient, loadKubeconfig, Reflector, Store } from "../../../src/kube/index.ts";
import { defaultWatchTimes, type WatchTimes } from "../../../src/kube/watches.ts";
import { nullLogger } from "../../../src/telemetry/index.ts";
import type { ControlPlane } from "../target.ts";
import { History, plain } from "./history.ts";
import { FaultProxy, type Protocol } from "./proxy.ts";
import type { Script } from "./script.ts";
import { World } from "./world.ts";

/** How long a condition may take on the slowest machine; nothing waits for it to pass. */
export const patience = { timeout: 60_000, interval: 5 } as const;

export interface RigOptions {
  readonly protocol: Protocol;
  readonly script?: Script;
  readonly watchTimes?: Partial<WatchTimes>;
}

let rigs = 0;

/** An administrator of the server itself. */
export async function administrator({ kubeconfig }: ControlPlane): Promise<KubeClient> {
  return new KubeClient({ connection: await loadKubeconfig(kubeconfig), metrics: new Registry() });
}

/**
 * A client as it is in a pod, whose requests all come through a fault proxy, with the world that it looks at. Its
 * credentials are files that age by a clock of their own; everything else runs in real time.
 */
export class Rig implements AsyncDisposable {
  readonly proxy: FaultProxy;
  world: World;
  readonly admin: KubeClient;
  readonly client: KubeClient;
  readonly clock: FakeClock;
  readonly metrics: Registry = new Registry();
  readonly store: Store<EndpointSlice> = new Store({
    kind: "EndpointSlice",
    logger: nullLogger,
    metrics: this.metrics,
  });
  history: History<EndpointSlice> = new History();
  readonly #folder: string;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(parts: Pick<Rig, "proxy" | "world" | "admin" | "client" | "clock">, folder: string) {
    this.proxy = parts.proxy;
    this.world = parts.world;
    this.admin = parts.admin;
    this.client = parts.client;
    this.clock = parts.clock;
    this.#folder = folder;
    this.store.subscribe({
      add: (object) => this.history.add(object),
      update: (before, after) => this.history.update(before, after),
      delete: (last) => this.history.delete(last),
    });
  }

  static async start(at: ControlPlane, { protocol, script = {}, watchTimes }: RigOptions): Promise<Rig> {
    const proxy = await FaultProxy.start(at.kubeconfig, protocol, script);
    const folder = await mkdtemp(join(tmpdir(), "berth-faults-"));
    await writeFile(join(folder, "token"), proxy.token);
    await writeFile(join(folder, "ca.crt"), proxy.credentials.ca);
    const clock = new FakeClock();
    const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(proxy.port) };
    const connection = await inClusterConnection(environment, { folder, clock });
    const client = new KubeClient({
      connection,
      metrics: new Registry(),
      watchTimes: { ...defaultWatchTimes, ...watchTimes },
    });
    rigs += 1;
    const admin = await administrator(at);
    const world = await World.create(admin, `faults-${rigs}`);
    return new Rig({ proxy, world, admin, client, clock }, folder);
  }

  /** Keeps the store from here on; returns once it has synced. */
  async reflect(): Promise<void> {
    const reflector = new Reflector({
      client: this.client,
      resource: endpointSlices,
      store: this.store,
      namespace: this.world.namespace,
      logger: nullLogger,
      metrics: this.metrics,
      backoff: { baseMs: 2, capMs: 50, jitter: 1 },
    });
    this.#running = reflector.run(this.#stop.signal);
    await this.store.synced;
  }

  /** As the kubelet: by renaming. */
  async writeFile(name: "token" | "ca.crt", text: string): Promise<void> {
    await writeFile(join(this.#folder, "new"), text);
    await rename(join(this.#folder, "new"), join(this.#folder, name));
  }

  async removeToken(): Promise<void> {
    await rm(join(this.#folder, "token"));
  }

  /** The store has come to hold exactly what the server has. */
  async untilEqual(): Promise<void> {
    const expected = sorted(await this.world.list());
    await vi.waitFor(() => expect(sorted(this.store.list())).toEqual(expected), patience);
  }

  /** Why watches were begun anew, as `connection 1`. */
  async restarts(): Promise<string[]> {
    const text = await this.metrics.metrics();
    return [...text.matchAll(/kube_watch_restarts_total\{kind="EndpointSlice",reason="(.*)"\} (\d+)/g)].map(
      ([, reason, count]) => `${reason} ${count}`,
    );
  }

  /** The handler was told nothing that did not happen; if `complete`, also all that did. */
  expectTrueHistory(complete: boolean): void {
    expect(this.history.disagreements(this.world.happened, complete)).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the test is over"));
    this.proxy.open();
    await this.#running;
    await this.client[Symbol.asyncDispose]();
    await this.admin[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}

function sorted(objects: readonly EndpointSlice[]): unknown[] {
  return objects.map(plain).toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

function nameOf(object: unknown): string {
  return (object as EndpointSlice).metadata.name ?? "";
}
