import { annotations, type Service } from "../../api/index.ts";
import { AddressLedger, type AddressPool } from "../../ipam/index.ts";
import type { DesiredLoadBalancer } from "../../model/index.ts";
import { formatIp, type Ip, parseIp } from "../../net/index.ts";
import type { Issue } from "../../provider/index.ts";
import type { Finding } from "../status/conditions.ts";

export type AddressAnswer =
  | { readonly addresses: readonly Ip[]; readonly issues: readonly Issue[] }
  /** The Service has to change. */
  | { readonly refusal: Issue }
  /** Another Service has to give an address back first. */
  | { readonly blocked: Finding };

/** Gives each Service that needs it one address per family, and remembers who waits for one. */
export class ServiceAddresses {
  readonly #ledger: AddressLedger;
  readonly #waiting = new Set<string>();
  readonly #onFree: (key: string) => void;

  /** `onFree` is called with the key of each Service that waits, when an address becomes free. */
  constructor(pool: AddressPool, onFree: (key: string) => void) {
    this.#ledger = new AddressLedger(pool);
    this.#onFree = onFree;
  }

  /** What load balancers hold; first of all. */
  adoptOwned(uid: string, addresses: readonly string[]): void {
    for (const ip of parseAll(addresses)) this.#ledger.adopt(uid, ip);
  }

  /** What statuses say, the oldest Service first: where two name one address, it is the older one's. */
  adoptStatuses(owned: readonly Service[]): void {
    for (const { metadata, status } of [...owned].sort(byAge))
      for (const ip of parseAll((status?.loadBalancer?.ingress ?? []).flatMap((entry) => entry.ip ?? [])))
        this.#ledger.adopt(metadata.uid ?? "", ip);
  }

  claim(key: string, service: Service, lb: DesiredLoadBalancer): AddressAnswer {
    const before = this.#ledger.heldBy(lb.id.uid);
    const answer = this.#claimAll(service, lb);
    if ("blocked" in answer) this.#waiting.add(key);
    // One family without the other is of no use.
    if (!("addresses" in answer)) this.#ledger.release(lb.id.uid, before);
    return answer;
  }

  #claimAll(service: Service, lb: DesiredLoadBalancer): AddressAnswer {
    const addresses: Ip[] = [];
    const issues: Issue[] = [];
    for (const family of lb.families) {
      const wanted = lb.requestedAddresses.find((ip) => ip.family === family);
      const result = this.#ledger.claim({ owner: lb.id.uid, family, wanted });
      if ("ip" in result) {
        addresses.push(result.ip);
        continue;
      }
      const { refused: reason, message } = result;
      if (reason === "AddressNotInPool")
        return { refusal: { path: requestPath(service), severity: "refuse", reason, message } };
      if (service.spec?.ipFamilyPolicy !== "PreferDualStack" || lb.families.length === 1)
        return { blocked: { status: false, reason, message } };
      issues.push({ path: "spec.ipFamilies", severity: "degrade", reason, message });
    }
    const [issue] = issues;
    if (issue === undefined || addresses.length > 0) return { addresses, issues };
    return { blocked: { status: false, reason: issue.reason, message: issue.message } };
  }

  holdsAny(uid: string): boolean {
    return this.#ledger.heldBy(uid).length > 0;
  }

  holds(uid: string, address: string): boolean {
    return this.#ledger.heldBy(uid).some((ip) => formatIp(ip) === address);
  }

  /** Gives back all that the load balancer does not hold any more. */
  release(uid: string, keep: readonly Ip[] = []): void {
    const before = this.#ledger.heldBy(uid).length;
    this.#ledger.release(uid, keep);
    if (this.#ledger.heldBy(uid).length === before) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const key of waiting) this.#onFree(key);
  }
}

function requestPath({ metadata }: Service): string {
  const key = annotations.loadBalancerIps;
  return metadata.annotations?.[key] === undefined ? "spec.loadBalancerIP" : `metadata.annotations[${key}]`;
}

function byAge({ metadata: a }: Service, { metadata: b }: Service): number {
  const [first, second] = [a, b].map(({ creationTimestamp = "", uid = "" }) => `${creationTimestamp} ${uid}`);
  return (first ?? "") < (second ?? "") ? -1 : 1;
}

function parseAll(texts: readonly string[]): readonly Ip[] {
  return texts.flatMap((text) => parseIp(text) ?? []);
}
