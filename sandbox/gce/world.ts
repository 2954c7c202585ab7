// What there is: resources by their paths (`projects/p/regions/r/forwardingRules/n`), and what refers to what.
import { createHash } from "node:crypto";
import { refuse } from "./refusal.ts";

/** A resource, or a part of one. */
export type Body = Readonly<Record<string, unknown>>;

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

const api = "https://www.googleapis.com/compute/v1/";

export class World {
  readonly resources: Map<string, Body> = new Map();
  /** Instances by the path of their group. */
  readonly endpoints: Map<string, readonly string[]> = new Map();
  readonly machines: Map<string, Machine> = new Map();
  readonly coming: Set<Coming> = new Set();
  /** How many of a collection there may be. */
  readonly quotas: Map<string, number> = new Map();
  readonly place: Place;
  #revision = 0;

  constructor(place: Place) {
    this.place = place;
  }

  clear(): void {
    for (const all of [this.resources, this.endpoints, this.coming, this.quotas]) all.clear();
  }

  get(path: string): Body {
    const found = this.resources.get(path);
    if (found === undefined) refuse(404, "notFound", `The resource '${path}' was not found`);
    return { ...found, ...this.#computed(path, found) };
  }

  /** All of a collection: those directly below a path, or below any zone of a project. */
  list(below: RegExp): readonly Body[] {
    return [...this.resources.keys()].filter((path) => below.test(path)).map((path) => this.get(path));
  }

  isChanging(path: string): boolean {
    return [...this.coming].some((change) => change.path === path);
  }

  /** What refers to a resource, or is about to. */
  usersOf(path: string): readonly string[] {
    const next = [...this.coming].flatMap(({ path: other, body }) =>
      body === undefined ? [] : ([[other, body]] as const),
    );
    return [...this.resources, ...next]
      .filter(([, body]) => referencesOf(body).some((link) => pathOf(link) === path))
      .map(([other]) => other);
  }

  rulesAt(ip: string): readonly Body[] {
    const wanted = bare(ip);
    // Nothing but rules has this field.
    return [...this.resources.values()].filter(({ IPAddress: at }) => at !== undefined && bare(at) === wanted);
  }

  /** Puts a resource there, with all that the API adds to it. */
  put(path: string, body: Body): void {
    const before = this.resources.get(path);
    const isPrinted = fingerprinted.includes(collectionOf(path));
    const id = (before?.["id"] as string | undefined) ?? String(BigInt(`0x${digest(path)}`) >> 1n);
    this.resources.set(path, {
      ...body,
      kind: `compute#${collectionOf(path).replace(/(?<=s)es$|s$/, "")}`,
      id,
      ...(isPrinted && { fingerprint: Buffer.from(`revision ${++this.#revision}`).toString("base64") }),
      selfLink: api + path,
    });
  }

  remove(path: string): void {
    this.resources.delete(path);
    this.endpoints.delete(path);
  }

  /** Where a group of machines is. */
  networkOf(path: string): Body {
    const zone = /zones\/([^/]+)/.exec(path)?.[1];
    const { project, networkProject = project, region, network } = this.place;
    const machine = this.machines.get(`${zone}/${this.endpoints.get(path)?.[0]}`);
    return {
      network: `${api}projects/${networkProject}/global/networks/${network}`,
      subnetwork: `${api}projects/${networkProject}/regions/${region}/subnetworks/${machine?.subnetwork}`,
    };
  }

  /** A resource as it will be, with what its collection fills in. */
  complete(path: string, body: Body): Body {
    const scope = Object.fromEntries(
      (["regions", "zones"] as const).flatMap((word) => {
        const found = new RegExp(`^projects/[^/]+/${word}/[^/]+`).exec(path);
        return found === null ? [] : [[word.slice(0, -1), api + found[0]]];
      }),
    );
    const full = { ...defaults[collectionOf(path)], ...body, ...scope };
    if (collectionOf(path) === "addresses") return { ...full, ...this.#addressFor(path, full) };
    if (collectionOf(path) === "forwardingRules") return { ...full, IPAddress: this.#ruleAddress(path, full) };
    return full;
  }

  #addressFor(path: string, body: Body): Body {
    const isV6 = body["ipVersion"] === "IPV6";
    const address = (body["address"] as string | undefined) ?? given(path, isV6, body["addressType"] === "INTERNAL");
    return { address, ...(isV6 && { prefixLength: 96 }) };
  }

  #ruleAddress(path: string, body: Body): string {
    const isV6 = body["ipVersion"] === "IPV6";
    const asked = body["IPAddress"] as string | undefined;
    return asked ?? `${given(path, isV6, body["loadBalancingScheme"] === "INTERNAL")}${isV6 ? "/96" : ""}`;
  }

  #computed(path: string, body: Body): Body {
    if (collectionOf(path).endsWith("Groups")) return { size: this.endpoints.get(path)?.length ?? 0 };
    if (collectionOf(path) !== "addresses") return {};
    const users = this.rulesAt(String(body["address"])).map((rule) => rule["selfLink"]);
    return { status: users.length > 0 ? "IN_USE" : "RESERVED", users };
  }
}

/** Where an update has to name the state that it changes. */
const fingerprinted: readonly string[] = ["backendServices", "forwardingRules"];

/** What the API fills in where a request says nothing (recorded from the real one, see the README of k8s-config-connector). */
const defaults: Readonly<Record<string, Body>> = {
  addresses: { addressType: "EXTERNAL", description: "" },
  backendServices: {
    sessionAffinity: "NONE",
    timeoutSec: 30,
    connectionDraining: { drainingTimeoutSec: 0 },
    affinityCookieTtlSec: 0,
    enableCDN: false,
    description: "",
  },
  firewalls: {
    direction: "INGRESS",
    disabled: false,
    priority: 1000,
    logConfig: { enable: false },
    sourceRanges: ["0.0.0.0/0"],
    description: "",
  },
  forwardingRules: { IPProtocol: "TCP", networkTier: "PREMIUM", description: "" },
  healthChecks: {
    checkIntervalSec: 5,
    timeoutSec: 5,
    healthyThreshold: 2,
    unhealthyThreshold: 2,
    logConfig: { enable: false },
  },
  instanceGroups: { description: "" },
  networkEndpointGroups: { description: "" },
};

export function collectionOf(path: string): string {
  return path.split("/").at(-2) ?? "";
}

/** A link without what differs between hosts and versions. */
export function pathOf(link: unknown): string {
  return String(link).replace(/^https:\/\/[^/]+\/compute\/[^/]+\//, "");
}

export function referencesOf(body: Body): readonly string[] {
  const backends = (body["backends"] ?? []) as readonly Body[];
  const links = [body["backendService"], body["healthChecks"], ...backends.map(({ group }) => group)];
  return links.flat().filter((link): link is string => typeof link === "string");
}

/** An address without its prefix length. */
export function bare(address: unknown): string {
  return String(address).replace(/\/\d+$/, "");
}

/** The same one each time for the same resource. */
function given(path: string, isV6: boolean, isInternal: boolean): string {
  const bytes = Buffer.from(digest(path), "hex");
  if (isV6)
    return `${isInternal ? "fd20" : "2600"}:1901:${bytes.toString("hex", 0, 2)}:${bytes.toString("hex", 2, 4)}:8000:1::`;
  return isInternal ? `10.128.${bytes[0]}.${bytes[1]}` : `34.${bytes[0]}.${bytes[1]}.${bytes[2]}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
