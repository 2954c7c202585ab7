import { type EndpointSlice, serviceNameLabel } from "../../api/index.ts";
import type { Store } from "../../kube/index.ts";
import { endpointNodes } from "../../model/index.ts";

export type SliceStore = Store<EndpointSlice, "service">;

/** For a store of slices: the Service that each belongs to. */
export const sliceIndexes = {
  service: (slice: EndpointSlice): readonly string[] => [serviceKeyOf(slice)],
} as const;

/** On which nodes the endpoints of Services are, of those about which somebody has asked. */
export class EndpointNodes implements Disposable {
  readonly #slices: SliceStore;
  readonly #onChange: (service: string) => void;
  readonly #known = new Map<string, ReadonlySet<string>>();
  readonly #subscription: Disposable;

  /** `onChange` is called with the key of a Service when its nodes are others than it was told. */
  constructor(slices: SliceStore, onChange: (service: string) => void) {
    this.#slices = slices;
    this.#onChange = onChange;
    const look = (slice: EndpointSlice): void => this.#look(serviceKeyOf(slice));
    this.#subscription = slices.subscribe({
      add: look,
      update: (before, after) => {
        look(before);
        look(after);
      },
      delete: look,
    });
  }

  /** The names of the nodes that can take traffic for the Service. */
  of(service: string): ReadonlySet<string> {
    return this.#known.getOrInsertComputed(service, () => this.#read(service));
  }

  forget(service: string): void {
    this.#known.delete(service);
  }

  #look(service: string): void {
    const before = this.#known.get(service);
    if (before === undefined) return;
    const after = this.#read(service);
    if (after.size === before.size && after.isSubsetOf(before)) return;
    this.#known.set(service, after);
    this.#onChange(service);
  }

  #read(service: string): ReadonlySet<string> {
    return endpointNodes(this.#slices.byIndex("service", service));
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}

function serviceKeyOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace ?? ""}/${metadata.labels?.[serviceNameLabel] ?? ""}`;
}
