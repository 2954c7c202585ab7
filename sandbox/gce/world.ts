// What there is: resources by their paths (`projects/p/regions/r/forwardingRules/n`), and what refers to what.
import { api, type Body, bare, collectionOf, referencesOf, zoneOf } from "./body.ts";
import { refuse } from "./refusal.ts";
import { addressAt, completed, marked, shown } from "./shapes.ts";

export interface Machine {
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  readonly subnetwork: string;
}

export interface Place {
  readonly project: string;
  readonly region: string;
  /** The project that has network and subnetworks, where that is another one. */
  readonly networkProject?: string;
  readonly network: string;
  readonly subnetworks: readonly string[];
}

/** A change that its operation has not made yet. `body` undefined: the resource goes. */
interface Coming {
  readonly path: string;
  readonly body: Body | undefined;
}

const maxAddresses = 65_535;

export class World {
  readonly resources: Map<string, Body> = new Map();
  /** Instances by the path of their group. */
  readonly endpoints: Map<string, readonly string[]> = new Map();
  readonly machines: Map<string, Machine> = new Map();
  readonly coming: Set<Coming> = new Set();
  /** How many of a collection there may be. */
  readonly quotas: Map<string, number> = new Map();
  readonly place: Place;
  /** The paths of the network and its subnetworks. */
  readonly networks: readonly string[];
  readonly #ids = new Map<string, string>();
  /** How many addresses of a kind were given. */
  readonly #given = new Map<string, number>();
  #revision = 0;
  #seconds = 0;

  constructor(place: Place) {
    this.place = place;
    const { project, networkProject = project, region, network, subnetworks } = place;
    const home = `projects/${networkProject}/regions/${region}/subnetworks`;
    this.networks = [
      `projects/${networkProject}/global/networks/${network}`,
      ...subnetworks.map((name) => `${home}/${name}`),
    ];
  }

  clear(): void {
    for (const all of [this.resources, this.endpoints, this.coming, this.quotas, this.#given]) all.clear();
  }

  /** A second goes by; nobody has to wait for it. */
  tick(): void {
    this.#seconds++;
  }

  now(): string {
    return new Date(Date.UTC(2026, 0) + this.#seconds * 1000).toISOString();
  }

  get(path: string): Body {
    const found = this.resources.get(path);
    if (found === undefined) refuse(404, "notFound", `The resource '${path}' was not found`);
    const collection = collectionOf(path);
    if (collection.endsWith("Groups")) return { ...found, size: this.membersOf(path).length };
    if (collection !== "addresses") return shown(collection, found);
    const users = this.rulesAt(found["address"]).map((rule) => rule["selfLink"]);
    return { ...found, status: users.length > 0 ? "IN_USE" : "RESERVED", users };
  }

  list(fits: RegExp): readonly Body[] {
    return [...this.resources.keys()].filter((path) => fits.test(path)).map((path) => this.get(path));
  }

  isChanging(path: string): boolean {
    return [...this.coming].some((change) => change.path === path);
  }

  /** What refers to a resource, or is about to. */
  usersOf(path: string): readonly string[] {
    const next = [...this.coming].map(({ path: other, body = {} }) => [other, body] as const);
    const users = [...this.resources, ...next].filter(([, body]) => referencesOf(body).includes(path));
    return users.map(([other]) => other);
  }

  membersOf(path: string): readonly string[] {
    return this.endpoints.get(path) ?? [];
  }

  /** A machine in the zone that a path is in. */
  machineIn(path: string, name: string): Machine | undefined {
    return this.machines.get(`${zoneOf(path)}/${name}`);
  }

  rulesAt(ip: unknown): readonly Body[] {
    return this.#at("forwardingRules", "IPAddress", ip);
  }

  reservationsOf(ip: unknown): readonly Body[] {
    return this.#at("addresses", "address", ip);
  }

  /** Another one than that of any other resource, whatever that was called. */
  idOf(path: string): string {
    const id = this.#ids.get(path) ?? String(4_000_000_000_000_000_000n + BigInt(++this.#revision));
    this.#ids.set(path, id);
    return id;
  }

  /** Puts a resource there, with all that the API adds to it. */
  put(path: string, body: Body): void {
    const creationTimestamp = this.resources.get(path)?.["creationTimestamp"] ?? this.now();
    this.resources.set(path, marked(path, { ...body, creationTimestamp }, this.idOf(path), ++this.#revision));
  }

  remove(path: string): void {
    for (const all of [this.resources, this.endpoints, this.#ids]) all.delete(path);
  }

  /** Where a group of whole machines is: where its first one is. */
  networkOf(path: string): Body {
    const { subnetwork = "" } = this.machineIn(path, this.membersOf(path)[0] ?? "") ?? {};
    const [network = "", ...all] = this.networks;
    return { network: api + network, subnetwork: api + all.find((one) => one.endsWith(`/${subnetwork}`)) };
  }

  /** A resource as it will be, with what its collection fills in. */
  complete(path: string, body: Body): Body {
    return completed(path, body);
  }

  /** With the address that it gets where it asked for none: the next of all, so who let go of one has lost it. */
  furnish(path: string, body: Body): Body {
    const field = { addresses: "address", forwardingRules: "IPAddress" }[collectionOf(path)];
    if (field === undefined || body[field] !== undefined) return body;
    const { addressType, loadBalancingScheme = addressType, ipVersion = "IPV4" } = body;
    const kind = `${String(loadBalancingScheme)} ${String(ipVersion)}`;
    let ip: string;
    do {
      const next = ((this.#given.get(kind) ?? 0) % maxAddresses) + 1;
      this.#given.set(kind, next);
      ip = addressAt(kind, next);
    } while (this.rulesAt(ip).length + this.reservationsOf(ip).length > 0);
    if (ipVersion === "IPV4") return { ...body, [field]: ip };
    return { ...body, ...(field === "address" ? { address: ip, prefixLength: 96 } : { IPAddress: `${ip}/96` }) };
  }

  #at(collection: string, field: string, ip: unknown): readonly Body[] {
    const wanted = bare(ip);
    const isAt = (body: Body): boolean => body[field] !== undefined && bare(body[field]) === wanted;
    const all = [...this.resources].filter(([path, body]) => isAt(body) && collectionOf(path) === collection);
    return all.map(([, body]) => body);
  }
}
