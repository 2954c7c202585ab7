// A region in memory that takes whole actions and refuses what Google Cloud would refuse of them: what refers to something
// needs it, and holds it. For planner tests; it knows no requests and no operations.
import { createHash } from "node:crypto";
import { assertNever } from "../../../src/base/index.ts";
import type { ScopeKey } from "../../../src/provider/index.ts";
import { linkOf, linkPath, networkLink } from "../links.ts";
import { anyBaseName, baseName, isNamed, sharedBaseName } from "../names.ts";
import type { Membership, Observation } from "../observation.ts";
import { addressText } from "../plan/comparison.ts";
import {
  type Action,
  type Address,
  type BackendService,
  type Endpoint,
  type Firewall,
  type ForwardingRule,
  type Group,
  type Resource,
  refOf,
  refText,
} from "../resources.ts";
import type { Settings } from "../settings.ts";

type Members = Extract<Action, { verb: "attach" | "detach" }>;

export class MemoryRegion {
  readonly resources: Map<string, Resource> = new Map();
  /** By the link of their group. */
  readonly endpoints: Map<string, readonly Endpoint[]> = new Map();
  /** Every action that was done, as text. */
  readonly journal: string[] = [];
  readonly #settings: Settings;
  #revision = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  all<K extends Resource["kind"]>(kind: K): readonly Extract<Resource, { kind: K }>[] {
    return [...this.resources.values()].filter((one): one is Extract<Resource, { kind: K }> => one.kind === kind);
  }

  /** Puts something there without any question. */
  put(resource: Resource): void {
    this.resources.set(refText(refOf(resource)), resource);
  }

  observe(key: ScopeKey): Observation {
    if (key.kind === "shared")
      return key.name === "instance-groups"
        ? this.#observeInstances(key.clusterId)
        : this.#observeShared(key.clusterId);
    const base = baseName(key.id);
    if (key.kind === "members") {
      const groups = this.all("endpointGroup").filter(({ name }) => name === base);
      return {
        kind: "members",
        groups: groups.map((group) => this.#membership(group)),
        backendService: this.all("backendService").find(({ name }) => name === base),
        health: new Map(),
      };
    }
    const addresses = this.all("address").map((address) => ({ ...address, users: this.#usersOf(address) }));
    const resources = this.#named(base).filter(({ kind }) => kind !== "address");
    const shared = this.#named(sharedBaseName(key.id.clusterId)).map((one) => this.#sized(one));
    return {
      kind: "service",
      resources: resources.map((one) => this.#sized(one)),
      addresses,
      refused: [],
      shared,
      otherFirewalls: this.#others(),
    };
  }

  #membership<G extends Resource>(group: G): Membership<G & Group> {
    const endpoints = this.endpoints.get(this.#link(group)) ?? [];
    return { group: group as G & Group, endpoints, refused: [] };
  }

  #others(): readonly Firewall[] {
    if (this.#settings.project === this.#settings.networkProject) return [];
    return this.all("firewall").filter(({ name }) => !name.startsWith(anyBaseName));
  }

  #observeInstances(clusterId: string): Observation {
    const all = this.#named(sharedBaseName(clusterId)).filter((one) => one.kind === "instanceGroup");
    const links = new Set(all.map((group) => this.#link(group)));
    const users = this.all("backendService").filter(({ backends }) => backends.some(({ group }) => links.has(group)));
    const groups = all.map((group) => this.#membership(group));
    return { kind: "instances", groups, users };
  }

  #sized(resource: Resource): Resource {
    if (!("zone" in resource)) return resource;
    return { ...resource, size: this.endpoints.get(this.#link(resource))?.length ?? 0 };
  }

  #observeShared(clusterId: string): Observation {
    const resources = this.#named(sharedBaseName(clusterId));
    const links = resources.map((resource) => linkPath(this.#link(resource)));
    const users = this.all("backendService").filter(({ healthChecks }) =>
      healthChecks.some((link) => links.includes(linkPath(link))),
    );
    const usedProjects = this.all("firewall").flatMap(({ project, name }) =>
      project === undefined || isNamed(sharedBaseName(clusterId), name) ? [] : [project],
    );
    return { kind: "shared", resources, otherFirewalls: this.#others(), usedProjects, users };
  }

  commit(action: Action): void {
    this.journal.push(actionText(action));
    switch (action.verb) {
      case "insert":
        return this.#insert(action.resource);
      case "update":
        return this.#update(action.resource);
      case "globalAccess":
        return this.put({
          ...(this.#get(`forwardingRule ${action.rule}`) as ForwardingRule),
          allowGlobalAccess: action.allow,
        });
      case "delete":
        return this.#delete(refText(action.ref));
      case "attach":
        return this.#attach(action);
      case "detach":
        return this.#detach(action);
      default:
        return assertNever(action, "action");
    }
  }

  #insert(resource: Resource): void {
    const text = refText(refOf(resource));
    if (this.resources.has(text)) throw new Error(`${text} exists`);
    if (resource.kind === "address") return this.#insertAddress(resource);
    if (resource.kind === "forwardingRule") this.#checkRule(resource);
    if (resource.kind === "backendService") return this.#putService(resource);
    this.put(resource);
  }

  #insertAddress(resource: Address): void {
    const digest = createHash("sha256").update(resource.name).digest();
    const given =
      resource.ipVersion === "IPV6"
        ? `2600:1900:0:${digest.toString("hex", 0, 2)}::`
        : `34.1.${digest[0]}.${digest[1]}`;
    const address = resource.address ?? given;
    if (this.all("address").some((other) => other.address === address)) throw new Error(`${address} is held`);
    this.put({ ...resource, address });
  }

  #putService(resource: BackendService): void {
    if (resource.healthChecks.length !== 1) throw new Error("a backend service needs one health check");
    for (const link of resource.healthChecks) this.#find(link);
    const groups = resource.backends.map(({ group }) => this.#find(group));
    if (new Set(groups.map(({ kind }) => kind)).size > 1) throw new Error("groups of two kinds");
    if (groups.some((group) => group.kind === "instanceGroup" && group.network === undefined))
      throw new Error("a group without a network");
    this.put({ ...resource, fingerprint: `${++this.#revision}` });
  }

  #checkRule(rule: ForwardingRule): void {
    const service = this.#find(rule.backendService) as BackendService;
    const fits =
      service.protocol === "UNSPECIFIED" ? rule.IPProtocol !== undefined : service.protocol === rule.IPProtocol;
    if (!fits || service.loadBalancingScheme !== rule.loadBalancingScheme)
      throw new Error(`rule ${rule.name} does not fit its backend service`);
    if ([rule.ports, rule.portRange, rule.allPorts].filter((one) => one !== undefined).length !== 1)
      throw new Error("a rule has either ports, a range or all ports");
    if ((rule.ports?.length ?? 1) > 5) throw new Error("a rule has at most 5 ports");
    if (rule.IPProtocol === "L3_DEFAULT" && rule.allPorts !== true) throw new Error("L3_DEFAULT is for all ports");
    const ip = addressText(rule.IPAddress);
    if (!this.all("address").some(({ address = "" }) => addressText(address) === ip))
      throw new Error(`nobody holds ${ip}`);
    const clash = this.all("forwardingRule").find(
      (other) =>
        other.IPAddress === rule.IPAddress &&
        (other.IPProtocol === rule.IPProtocol || [other.IPProtocol, rule.IPProtocol].includes("L3_DEFAULT")),
    );
    if (clash !== undefined) throw new Error(`rule ${rule.name} is in the way of ${clash.name}`);
  }

  #update(resource: Extract<Action, { verb: "update" }>["resource"]): void {
    const found = this.#get(refText(refOf(resource)));
    if (resource.kind !== "backendService" || found.kind !== "backendService") return this.put(resource);
    if (resource.fingerprint !== found.fingerprint) throw new Error(`backend service ${found.name} has changed`);
    if (resource.loadBalancingScheme !== found.loadBalancingScheme) throw new Error("the scheme cannot be changed");
    if (resource.protocol !== found.protocol && this.#isReferred(found)) throw new Error("a rule needs its protocol");
    this.#putService(resource);
  }

  #delete(text: string): void {
    const found = this.#get(text);
    if (this.#isReferred(found)) throw new Error(`${text} is used`);
    this.resources.delete(text);
    if ("zone" in found) this.endpoints.delete(this.#link(found));
  }

  #attach({ kind, group, zone, endpoints }: Members): void {
    const found = this.#get(refText({ kind, name: group, zone }));
    const link = this.#link(found);
    const all = [...(this.endpoints.get(link) ?? []), ...endpoints];
    const isWhole = found.kind === "instanceGroup";
    if (endpoints.length === 0 || endpoints.length > (isWhole ? 1000 : 500))
      throw new Error(`${endpoints.length} endpoints`);
    if (isWhole && all.length > 1000) throw new Error(`${all.length} machines in one group`);
    if (new Set(all.map(({ instance }) => instance)).size < all.length) throw new Error("one is in it already");
    this.endpoints.set(link, all);
    if (isWhole) this.put({ ...found, network: networkLink(this.#settings) });
  }

  #detach({ kind, group, zone, endpoints }: Members): void {
    const link = this.#link(this.#get(refText({ kind, name: group, zone })));
    const going = new Set(endpoints.map(({ instance }) => instance));
    this.endpoints.set(
      link,
      (this.endpoints.get(link) ?? []).filter(({ instance }) => !going.has(instance)),
    );
  }

  #isReferred(resource: Resource): boolean {
    if (resource.kind === "address") return this.#usersOf(resource).length > 0;
    const link = linkPath(this.#link(resource));
    const links = [...this.resources.values()].flatMap((other) => {
      if (other.kind === "forwardingRule") return [other.backendService];
      return other.kind === "backendService"
        ? [...other.healthChecks, ...other.backends.map(({ group }) => group)]
        : [];
    });
    return links.some((other) => linkPath(other) === link);
  }

  #usersOf({ address }: Address): readonly string[] {
    return this.all("forwardingRule")
      .filter(({ IPAddress }) => addressText(IPAddress) === addressText(address ?? ""))
      .map((rule) => this.#link(rule));
  }

  #named(base: string): readonly Resource[] {
    return [...this.resources.values()].filter(({ name }) => isNamed(base, name));
  }

  #find(link: string): Resource {
    const found = [...this.resources.values()].find((one) => linkPath(this.#link(one)) === linkPath(link));
    if (found === undefined) throw new Error(`${link} was not found`);
    return found;
  }

  #get(text: string): Resource {
    const found = this.resources.get(text);
    if (found === undefined) throw new Error(`${text} was not found`);
    return found;
  }

  #link(resource: Resource): string {
    return linkOf(refOf(resource), this.#settings);
  }
}

function actionText(action: Action): string {
  switch (action.verb) {
    case "insert":
    case "update":
      return `${action.verb} ${refText(refOf(action.resource))}`;
    case "delete":
      return `delete ${refText(action.ref)}`;
    case "globalAccess":
      return `patch forwardingRule ${action.rule}`;
    case "attach":
    case "detach":
      return `${action.verb} ${action.group} in ${action.zone}: ${action.endpoints.map(({ instance }) => instance).join(",")}`;
    default:
      return assertNever(action, "action");
  }
}
