import {
  type EndpointSlice,
  endpointSlices,
  leases,
  type ObjectMeta,
  type Service,
  services,
} from "../../src/api/index.ts";
import type { KubeClient } from "../../src/kube/index.ts";
import { instant } from "../instant.ts";
import { sentAnnotation } from "./observer.ts";

const namespace = "default";
/** How many requests are on their way to the API server at a time. */
const writers = 16;

/** EndpointSlices as the EndpointSlice controller writes them, ten endpoints each. */
export class Workload {
  readonly #client: KubeClient;
  readonly #count: number;
  /** A Service that exists, so that no garbage collector takes the slices. */
  #owner: Service | undefined;

  constructor(client: KubeClient, count: number) {
    this.#client = client;
    this.#count = count;
  }

  async create(signal: AbortSignal): Promise<void> {
    this.#owner = await this.#client.get(services, { namespace, name: "kubernetes" }, signal);
    await inParallel(this.#count, (number) => this.#create(number, signal));
  }

  /** How many there are, with those of others. */
  async size(signal: AbortSignal): Promise<number> {
    const { items } = await this.#client.listAll(endpointSlices, {}, signal);
    return items.length;
  }

  /** Writes so many of them, each saying when it was sent. Returns when the first one was. */
  async change(count: number, signal: AbortSignal): Promise<number> {
    const first = instant();
    await inParallel(count, (number) => {
      const body = { metadata: { annotations: { [sentAnnotation]: String(instant()) } } };
      return this.#client.patch(
        endpointSlices,
        { namespace, name: nameOf(number % this.#count) },
        { type: "merge", body },
        signal,
      );
    });
    return first;
  }

  /** Moves the server's version on, unseen by who watches EndpointSlices. */
  async writeOther(signal: AbortSignal): Promise<void> {
    const at = { namespace, name: "bench" };
    await this.#client.create(leases, { metadata: at }, signal);
    await this.#client.delete(leases, at, signal);
  }

  async addOne(signal: AbortSignal): Promise<void> {
    await this.#create(this.#count, signal);
  }

  async removeOne(signal: AbortSignal): Promise<void> {
    await this.#client.delete(endpointSlices, { namespace, name: nameOf(this.#count) }, signal);
  }

  async #create(number: number, signal: AbortSignal): Promise<void> {
    await this.#client.create(endpointSlices, sliceOf(number, this.#owner?.metadata ?? {}), signal);
  }
}

async function inParallel(count: number, run: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    while (next < count) await run(next++);
  }
  await Promise.all(Array.from({ length: writers }, work));
}

function nameOf(number: number): string {
  return `service-${number}-x7k2p`;
}

function sliceOf(number: number, owner: ObjectMeta): EndpointSlice {
  const service = `service-${number}`;
  return {
    metadata: {
      namespace,
      name: nameOf(number),
      generateName: `${service}-`,
      labels: {
        app: service,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": service,
      },
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-11-01T12:00:00Z" },
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Service",
          name: owner.name ?? "",
          uid: owner.uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: "IPv4",
    ports: [
      { name: "http", port: 8080, protocol: "TCP" },
      { name: "metrics", port: 9090, protocol: "TCP" },
    ],
    endpoints: Array.from({ length: 10 }, (_, i) => ({
      addresses: [`10.${(number >> 8) & 255}.${number & 255}.${i + 1}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${(number + i) % 1000}`,
      targetRef: { kind: "Pod", namespace, name: `${service}-6d4b75cb6d-${podSuffix(i)}`, uid: uidOf(number, i) },
      zone: `zone-${"abc"[i % 3]}`,
    })),
  };
}

function podSuffix(number: number): string {
  return (number + 1_000_000).toString(36).padStart(5, "x");
}

function uidOf(...numbers: readonly [number, number]): string {
  const [a, b] = numbers.map((number) => number.toString(16));
  return `${a?.padStart(8, "0")}-0000-4000-8000-${b?.padStart(12, "0")}`;
}
