import { sameData } from "../base/index.ts";
import {
  type Claimant,
  type Claims,
  claimantOf,
  claimsOf,
  guardFrontends,
  type Objection,
  PortClaims,
  proxiedService,
  type Screened,
  screenFrontends,
  socketObjection,
  type WaitingSocket,
} from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { NodeFacts } from "./node-facts.ts";

/** What a Service wants, as far as the guard lets it. */
interface Wish {
  readonly who: Claimant;
  readonly screened: Screened;
  readonly claims: Claims;
}

const noObjection: Objection = () => undefined;

/** Which frontends of which Services this node may program: what the guard, older Services and local processes leave. */
export class Admission {
  readonly #sockets: () => Promise<readonly WaitingSocket[]>;
  readonly #wishes = new Map<string, Wish>();
  readonly #claims = new PortClaims();
  /** Services with frontends on addresses of the node. */
  readonly #onNode = new Set<string>();
  /** Of all Services, usable or not. */
  readonly #endpoints = new Map<Family, number>();
  #objection = noObjection;

  /** `sockets`: on what local processes wait. Read only while it matters to a Service. */
  constructor(sockets: () => Promise<readonly WaitingSocket[]>) {
    this.#sockets = sockets;
  }

  /** How many endpoints the ports of all Services have. */
  endpoints(family: Family): number {
    return this.#endpoints.get(family) ?? 0;
  }

  /** Services that want to be served. */
  keys(): Iterable<string> {
    return this.#wishes.keys();
  }

  /** Takes over what the state says of a Service. Returns the Services, it or others, whose admission that may change. */
  consider(key: string, state: ClusterState, { proxyName, place, guard }: NodeFacts): readonly string[] {
    const before = this.#wishes.get(key);
    const object = state.service(key);
    const wanted = object && proxiedService(object, state.slices(key), place, proxyName);
    if (object === undefined || wanted === undefined) {
      this.#wishes.delete(key);
      this.#count(before, -1);
      this.#onNode.delete(key);
      return before === undefined ? [] : [key, ...this.#claims.set(before.who, undefined)];
    }
    const screened = guardFrontends(wanted, guard);
    const wish = { who: claimantOf(object, key), screened, claims: claimsOf(screened.service, guard) };
    if (sameData(before, wish)) return [];
    this.#wishes.set(key, wish);
    this.#count(before, -1);
    this.#count(wish, 1);
    if (wish.claims.onNode.size > 0) this.#onNode.add(key);
    else this.#onNode.delete(key);
    return [key, ...this.#claims.set(wish.who, wish.claims)];
  }

  /** Whether there is a frontend that a local process keeps a Service from. */
  get givesWay(): boolean {
    return [...this.#onNode].some((key) => this.#some(key, (port, frontend) => this.#objection(port, frontend)));
  }

  /** Looks at what local processes wait on. Returns the Services whose admission that changes. */
  async listen({ guard }: NodeFacts): Promise<readonly string[]> {
    const before = this.#objection;
    const after = this.#onNode.size === 0 ? noObjection : socketObjection(await this.#sockets(), guard);
    this.#objection = after;
    return [...this.#onNode].filter((key) =>
      this.#some(key, (port, frontend) => before(port, frontend) !== after(port, frontend)),
    );
  }

  #some(key: string, holds: (...of: Parameters<Objection>) => unknown): boolean {
    const ports = this.#wishes.get(key)?.screened.service.ports ?? [];
    return ports.some((port) => port.frontends.some((frontend) => holds(port, frontend)));
  }

  /** What the node serves of the Service; undefined: it does not serve it. */
  admitted(key: string): Screened | undefined {
    const wish = this.#wishes.get(key)?.screened;
    if (wish === undefined) return undefined;
    const { service, refused } = screenFrontends(
      wish.service,
      (port, frontend) => this.#claims.objection(key, port, frontend) ?? this.#objection(port, frontend),
    );
    return refused.length === 0 ? wish : { service, refused: [...wish.refused, ...refused] };
  }

  #count(wish: Wish | undefined, sign: 1 | -1): void {
    for (const { family, endpoints } of wish?.screened.service.ports ?? [])
      this.#endpoints.set(family, this.endpoints(family) + sign * endpoints.length);
  }
}
