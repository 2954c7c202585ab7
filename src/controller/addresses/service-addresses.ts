import { annotations, type Namespace, type Service } from "../../api/index.ts";
import { AddressLedger, type AddressPool, type ClaimResult, type Labels, type PoolUsage } from "../../ipam/index.ts";
import type { Store } from "../../kube/index.ts";
import type { DesiredLoadBalancer } from "../../model/index.ts";
import { formatIp, type Ip, parseIp } from "../../net/index.ts";
import type { Issue } from "../../provider/index.ts";
import type { Finding } from "../status/conditions.ts";

export type AddressAnswer =
  | { readonly addresses: readonly Ip[]; readonly issues: readonly Issue[] }
  /** The Service has to change. */
  | { readonly refusal: Issue }
  /** Something else has to change first: a pool, or another Service. */
  | { readonly blocked: Finding };

export interface ServiceAddressesOptions {
  readonly namespaces: Store<Namespace>;
  /** Called with the key of each Service that waits, when what it waits for may have come. */
  readonly onFree: (key: string) => void;
  /** Called when more or less of a pool may be in use than before. */
  readonly onChange: () => void;
}

/** Gives each Service that needs it one address per family, and remembers who waits for one. */
export class ServiceAddresses {
  readonly #options: ServiceAddressesOptions;
  readonly #ledger = new AddressLedger();
  /** Keys of Services that have not got what they ask for. */
  readonly #waiting = new Set<string>();
  /** By UID, of each Service that has got what it asked for. */
  readonly #granted = new Map<string, Grant>();

  constructor(options: ServiceAddressesOptions) {
    this.#options = options;
  }

  /** What load balancers hold; first of all. */
  adoptOwned(uid: string, addresses: readonly string[]): void {
    for (const ip of parseAll(addresses)) this.#ledger.adopt(uid, ip);
  }

  /** What statuses say, the oldest Service first: where two name one address, it is the older one's. */
  adoptStatuses(owned: readonly Service[]): void {
    for (const service of [...owned].sort(byAge))
      for (const ip of addressesIn(service)) this.#ledger.adopt(service.metadata.uid ?? "", ip);
  }

  /** What a Service has that gets no address from here: nobody else is given it. */
  noteForeign(service: Service): void {
    this.#foreignUses(service, addressesIn(service));
  }

  /** The Service is gone, and with it what its status said. */
  forgetForeign(service: Service): void {
    this.#foreignUses(service, []);
  }

  /** Replaces all pools; addresses that were given stay where they are. */
  setPools(pools: readonly AddressPool[]): void {
    const before = this.#ledger.strays();
    this.#ledger.setPools(pools);
    for (const uid of this.#ledger.strays().difference(before)) {
      const key = this.#granted.get(uid)?.key;
      if (key !== undefined) this.#waiting.add(key);
    }
    this.wake();
    this.#options.onChange();
  }

  usageOf(pool: string): PoolUsage | undefined {
    return this.#ledger.usageOf(pool);
  }

  /** `loadBalancerClass`: what the Service is served as, whether it says so or not. */
  claim(key: string, service: Service, lb: DesiredLoadBalancer, loadBalancerClass: string): AddressAnswer {
    const { uid } = lb.id;
    this.#ledger.adoptForeign(uid);
    const before = this.#ledger.heldBy(uid);
    const answer = this.#claimAll(service, lb, loadBalancerClass);
    if ("addresses" in answer) this.#granted.set(uid, { key, pool: poolAskedBy(lb) });
    // One family without the other is of no use.
    else this.#ledger.release(uid, before);
    if ("addresses" in answer && answer.issues.length === 0) this.#waiting.delete(key);
    else this.#waiting.add(key);
    if (this.#ledger.heldBy(uid) !== before) this.#options.onChange();
    return answer;
  }

  #claimAll(service: Service, lb: DesiredLoadBalancer, loadBalancerClass: string): AddressAnswer {
    const addresses: Ip[] = [];
    const issues: Issue[] = [];
    const asker = {
      namespaceLabels: this.#labelsOf(lb.id.namespace),
      serviceLabels: service.metadata.labels ?? {},
      loadBalancerClass,
    };
    for (const family of lb.families) {
      const wanted = lb.requestedAddresses.find((ip) => ip.family === family);
      const result = this.#ledger.claim({ owner: lb.id.uid, family, wanted, ...this.#poolWish(lb), asker });
      if ("ip" in result) {
        addresses.push(result.ip);
        if (result.stray !== undefined) issues.push(strayIssue(result.stray));
        continue;
      }
      const { refused: reason, message } = result;
      if (refusals.has(reason))
        return { refusal: { path: requestPath(service, lb, reason), severity: "refuse", reason, message } };
      if (service.spec?.ipFamilyPolicy !== "PreferDualStack" || lb.families.length === 1)
        return { blocked: { status: false, reason, message } };
      issues.push({ path: "spec.ipFamilies", severity: "degrade", reason, message });
    }
    const [issue] = issues;
    if (issue === undefined || addresses.length > 0) return { addresses, issues };
    return { blocked: { status: false, reason: issue.reason, message: issue.message } };
  }

  /** Undefined: not known yet. */
  #labelsOf(namespace: string): Labels | undefined {
    const found = this.#options.namespaces.get(namespace);
    return found === undefined ? undefined : (found.metadata.labels ?? {});
  }

  /** Also whether it is another pool than that of which the Service has its addresses. */
  #poolWish(lb: DesiredLoadBalancer): { readonly pool: string | undefined; readonly leaves: boolean } {
    const pool = poolAskedBy(lb);
    const granted = this.#granted.get(lb.id.uid);
    return { pool, leaves: granted !== undefined && granted.pool !== pool };
  }

  holdsAny(uid: string): boolean {
    return this.#ledger.heldBy(uid).length > 0;
  }

  holds(uid: string, address: string): boolean {
    return this.#ledger.heldBy(uid).some((ip) => formatIp(ip) === address);
  }

  /** Gives back all that the load balancer does not hold any more. */
  release(uid: string, keep: readonly Ip[] = []): void {
    if (this.#ledger.release(uid, keep)) this.wake();
    if (this.holdsAny(uid)) return;
    this.#waiting.delete(this.#granted.get(uid)?.key ?? "");
    this.#granted.delete(uid);
    this.#options.onChange();
  }

  /** Something has changed that those who wait may have waited for. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const key of waiting) this.#options.onFree(key);
  }

  #foreignUses({ metadata: { uid = "" } }: Service, addresses: readonly Ip[]): void {
    if (this.#ledger.noteForeign(uid, addresses)) this.wake();
    this.#options.onChange();
  }
}

interface Grant {
  readonly key: string;
  /** That it asked for. */
  readonly pool: string | undefined;
}

/** What only another request can mend; the rest may mend itself. */
const refusals: ReadonlySet<string> = new Set<(ClaimResult & { refused: string })["refused"]>([
  "AddressNotInPool",
  "AddressPoolNotFound",
  "AddressPoolClosed",
]);

function poolAskedBy({ annotations: given }: DesiredLoadBalancer): string | undefined {
  return given[annotations.addressPool];
}

function requestPath({ metadata }: Service, lb: DesiredLoadBalancer, reason: string): string {
  const byPool = poolAskedBy(lb) !== undefined && reason !== "AddressNotInPool";
  const key = byPool ? annotations.addressPool : annotations.loadBalancerIps;
  return byPool || metadata.annotations?.[key] !== undefined ? `metadata.annotations[${key}]` : "spec.loadBalancerIP";
}

function strayIssue(message: string): Issue {
  return { path: "status.loadBalancer.ingress", severity: "degrade", reason: "AddressNotInPool", message };
}

function byAge({ metadata: a }: Service, { metadata: b }: Service): number {
  const [first, second] = [a, b].map(({ creationTimestamp = "", uid = "" }) => `${creationTimestamp} ${uid}`);
  return (first ?? "") < (second ?? "") ? -1 : 1;
}

function addressesIn({ status }: Service): readonly Ip[] {
  return parseAll((status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []));
}

function parseAll(texts: readonly string[]): readonly Ip[] {
  return texts.flatMap((text) => parseIp(text) ?? []);
}
