import { type EndpointSlice, endpointSlices, type Namespace, namespaces } from "../../../src/api/index.ts";
import type { KubeClient } from "../../../src/kube/index.ts";
import type { Change } from "./history.ts";

const signal = new AbortController().signal;

/** The objects of one namespace, which only this one writes, past every proxy; and all that ever happened to them. */
export class World {
  readonly namespace: string;
  readonly happened: Change<EndpointSlice>[] = [];
  readonly #admin: KubeClient;
  readonly #current = new Map<string, EndpointSlice>();
  #writes = 0;

  private constructor(admin: KubeClient, namespace: string) {
    this.#admin = admin;
    this.namespace = namespace;
  }

  static async create(admin: KubeClient, namespace: string): Promise<World> {
    const object: Namespace = { metadata: { name: namespace } };
    await admin.create(namespaces, object, signal);
    return new World(admin, namespace);
  }

  /** The newest version that the server has given to anything. */
  async version(): Promise<number> {
    return Number((await this.#admin.list(endpointSlices, { limit: 1 }, signal)).resourceVersion);
  }

  /** Adds it, or changes it if it is there. */
  async put(name: string): Promise<void> {
    await (this.#current.has(name) ? this.change(name) : this.add(name));
  }

  get(name: string): EndpointSlice | undefined {
    return this.#current.get(name);
  }

  async add(...names: string[]): Promise<void> {
    for (const name of names) {
      const object: EndpointSlice = {
        metadata: { namespace: this.namespace, name },
        addressType: "IPv4",
        endpoints: [{ addresses: [this.#address()] }],
      };
      this.#note("add", await this.#admin.create(endpointSlices, object, signal));
    }
  }

  async change(...names: string[]): Promise<void> {
    for (const name of names) {
      const body = { endpoints: [{ addresses: [this.#address()] }] };
      const at = { namespace: this.namespace, name };
      this.#note("update", await this.#admin.patch(endpointSlices, at, { type: "merge", body }, signal));
    }
  }

  async remove(...names: string[]): Promise<void> {
    for (const name of names) {
      const last = this.#current.get(name);
      if (last === undefined) continue;
      await this.#admin.delete(endpointSlices, { namespace: this.namespace, name }, signal);
      this.#note("delete", last);
    }
  }

  async list(): Promise<EndpointSlice[]> {
    return (await this.#admin.listAll(endpointSlices, { namespace: this.namespace }, signal)).items;
  }

  #note(type: Change<EndpointSlice>["type"], object: EndpointSlice): void {
    this.happened.push({ type, object });
    if (type === "delete") this.#current.delete(object.metadata.name ?? "");
    else this.#current.set(object.metadata.name ?? "", object);
  }

  #address(): string {
    this.#writes += 1;
    return `10.0.${Math.floor(this.#writes / 250)}.${(this.#writes % 250) + 1}`;
  }
}
