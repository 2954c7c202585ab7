import {
  type Endpoint,
  type EndpointSlice,
  endpointSlices,
  type Service,
  serviceNameLabel,
  services,
} from "../../src/api/index.ts";
import type { KubeClient } from "../../src/kube/index.ts";
import { type EchoPod, type EchoPods, echoPort } from "../echo.ts";

const namespace = "default";
const servicePort = 80;
/** How many objects are on their way to the API server at a time. */
const writers = 8;

/** Where a Service answers. */
export interface Frontend {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Services without a selector and their EndpointSlices, whose endpoints are real pods that take turns. */
export class Workload {
  readonly #client: KubeClient;
  readonly #pods: EchoPods;
  #count = 0;
  #last: Frontend = { name: "", host: "", port: servicePort };

  constructor(client: KubeClient, pods: EchoPods) {
    this.#client = client;
    this.#pods = pods;
  }

  /** The Service that was made last. */
  get last(): Frontend {
    return this.#last;
  }

  /** Makes Services until there are so many. */
  async grow(count: number, signal: AbortSignal): Promise<void> {
    while (this.#count < count) {
      const size = Math.min(writers, count - this.#count);
      const numbers = Array.from({ length: size }, (_, i) => this.#count + i);
      const made = await Promise.all(numbers.map((number) => this.#make(number, signal)));
      this.#count += size;
      this.#last = made.at(-1) ?? this.#last;
    }
  }

  /** Gives the last Service other endpoints, all at once. */
  async change(pods: readonly EchoPod[], signal: AbortSignal): Promise<void> {
    await this.#change(this.#last.name, pods, signal);
  }

  /** The n-th change of a series that goes round among the Services and gives each other endpoints every time. */
  async changeNext(n: number, signal: AbortSignal): Promise<void> {
    const round = Math.floor(n / this.#count);
    await this.#change(nameOf(n % this.#count), round % 2 === 0 ? this.#pods.second : this.#pods.first, signal);
  }

  /** All Services with their first endpoints, as they were made. */
  async undo(changes: number, signal: AbortSignal): Promise<void> {
    const numbers = Array.from({ length: Math.min(changes, this.#count) }, (_, n) => n);
    for (const n of numbers) await this.#change(nameOf(n), this.#pods.first, signal);
  }

  async #change(name: string, pods: readonly EchoPod[], signal: AbortSignal): Promise<void> {
    const body = { endpoints: endpointsOf(pods) };
    await this.#client.patch(endpointSlices, { namespace, name }, { type: "merge", body }, signal);
  }

  async #make(number: number, signal: AbortSignal): Promise<Frontend> {
    const name = nameOf(number);
    const service = await this.#client.create(services, serviceOf(name), signal);
    await this.#client.create(endpointSlices, sliceOf(name, this.#pods.first), signal);
    return { name, host: service.spec?.clusterIP ?? "", port: servicePort };
  }
}

function nameOf(number: number): string {
  return `bench-${number}`;
}

function serviceOf(name: string): Service {
  const ports = [{ port: servicePort, targetPort: echoPort, protocol: "TCP" }];
  return { metadata: { namespace, name }, spec: { ports } };
}

function sliceOf(name: string, pods: readonly EchoPod[]): EndpointSlice {
  return {
    metadata: { namespace, name, labels: { [serviceNameLabel]: name } },
    addressType: "IPv4",
    ports: [{ name: "", port: echoPort, protocol: "TCP" }],
    endpoints: endpointsOf(pods),
  };
}

function endpointsOf(pods: readonly EchoPod[]): Endpoint[] {
  return pods.map(({ address, node }) => ({ addresses: [address], nodeName: node, conditions: { ready: true } }));
}
