import type { IPAddressPool, Namespace, Service } from "../../api/index.ts";
import { sameData } from "../../base/index.ts";
import { type AddressPool, readPool } from "../../ipam/index.ts";
import type { Store } from "../../kube/index.ts";
import type { ServiceAddresses } from "./service-addresses.ts";

export interface PoolFollowerOptions {
  /** That of the command line; without a range there is none. */
  readonly pool: AddressPool;
  readonly pools: Store<IPAddressPool>;
  readonly namespaces: Store<Namespace>;
  readonly services: Store<Service>;
  readonly addresses: ServiceAddresses;
  /** Whether the Service gets its addresses from pools here; what others have is not given away. */
  readonly isServed: (service: Service) => boolean;
  /** Called when the status of a pool may not be what we wrote. */
  readonly onStatus: () => void;
}

/** Tells the addresses of all that changes who may have which: pools, labels of namespaces, Services of others. */
export class PoolFollower {
  readonly #options: PoolFollowerOptions;

  constructor(options: PoolFollowerOptions) {
    this.#options = options;
  }

  /** Until disposed; before the first address is given, after those that are in use have been adopted. */
  follow(): Disposable {
    const { pools, namespaces, services, addresses, onStatus } = this.#options;
    const held = new DisposableStack();
    held.use(
      pools.subscribe({
        // Those that were there before are read at once, below.
        add: (_, initial) => void (initial || this.#readPools()),
        update: (before, after) => {
          if (sameData(before.spec, after.spec)) onStatus();
          else this.#readPools();
        },
        delete: () => this.#readPools(),
      }),
    );
    this.#readPools();
    const wake = (): void => addresses.wake();
    held.use(namespaces.subscribe({ add: wake, update: wake }));
    held.use(
      services.subscribe({
        add: (service) => this.#noteForeign(service),
        update: (_, after) => this.#noteForeign(after),
        delete: (last) => addresses.forgetForeign(last),
      }),
    );
    return held;
  }

  #readPools(): void {
    const { pool, pools, addresses } = this.#options;
    const own = pools.list().map((object) => readPool(object).pool);
    addresses.setPools(pool.ranges.length === 0 ? own : [pool, ...own]);
  }

  #noteForeign(service: Service): void {
    if (!this.#options.isServed(service)) this.#options.addresses.noteForeign(service);
  }
}
