import { assertNever } from "../../src/base/index.ts";
import type { LbIdentity } from "../../src/model/index.ts";
import { ProviderError, type ScopeKey } from "../../src/provider/index.ts";
import { endpointsOf, healthOfMembers, itemsOf, resourceOf } from "./answers.ts";
import { healthOf, listOf, membersOf } from "./calls.ts";
import type { ComputeClient } from "./client.ts";
import { linkOf, linkPath } from "./links.ts";
import { anyBaseName, baseName, isNamed, sharedBaseName } from "./names.ts";
import type {
  InstancesObservation,
  Membership,
  MembersObservation,
  Observation,
  ServiceObservation,
  SharedObservation,
} from "./observation.ts";
import { parseOwner } from "./owner.ts";
import { projectsOf, sharedHealthCheckName } from "./plan/index.ts";
import type { Refusals } from "./refusals.ts";
import type { BackendService, Endpoint, Firewall, Group, Resource, ResourceKind } from "./resources.ts";
import { refOf } from "./resources.ts";
import type { Settings } from "./settings.ts";

const loadBalancerKinds: readonly ResourceKind[] = [
  "address",
  "healthCheck",
  "firewall",
  "backendService",
  "forwardingRule",
];
const groupKinds: Readonly<Record<Settings["backends"], Group["kind"]>> = {
  "endpoint-groups": "endpointGroup",
  "instance-groups": "instanceGroup",
};

/** Reads scopes, each kind of resource by one list: of one scope, or of all at once. */
export class Reader {
  readonly #client: ComputeClient;
  readonly #settings: Settings;
  readonly #refusals: Refusals;

  constructor(client: ComputeClient, settings: Settings, refusals: Refusals) {
    this.#client = client;
    this.#settings = settings;
    this.#refusals = refusals;
  }

  /** Everything that may be of any scope that Services of the cluster have. */
  async all(clusterId: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const kinds = new Set<ResourceKind>([...loadBalancerKinds, "endpointGroup", groupKinds[this.#settings.backends]]);
    return await this.#listed(clusterId, [...kinds], `${anyBaseName}.*`, signal);
  }

  /** That, and what is left of another choice of backends. */
  async owned(clusterId: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const kinds = [...loadBalancerKinds, ...Object.values(groupKinds)];
    return await this.#listed(clusterId, kinds, `${anyBaseName}.*`, signal);
  }

  /** One scope, out of what `all` has read or as it is now. */
  async scope(key: ScopeKey, all: readonly Resource[] | "live", signal: AbortSignal): Promise<Observation> {
    switch (key.kind) {
      case "service":
        return this.#service(
          key.id,
          all === "live"
            ? await this.#live(key, [...loadBalancerKinds, groupKinds[this.#settings.backends]], signal)
            : all,
        );
      case "shared":
        if (key.name === "instance-groups")
          return await this.#instances(
            key.clusterId,
            all === "live" ? await this.#liveShared(key.clusterId, ["instanceGroup"], signal) : all,
            signal,
          );
        return this.#shared(
          key.clusterId,
          all === "live" ? await this.#liveShared(key.clusterId, ["healthCheck", "firewall"], signal) : all,
        );
      case "members":
        return await this.#members(
          key.id,
          all === "live" ? await this.#live(key, ["endpointGroup", "backendService"], signal) : all,
          signal,
        );
      default:
        return assertNever(key, "scope");
    }
  }

  #service(id: LbIdentity, all: readonly Resource[]): ServiceObservation {
    const addresses = all.filter((resource) => resource.kind === "address");
    const resources = named(baseName(id), all).filter(({ kind }) => kind !== "address");
    const shared = named(sharedBaseName(id.clusterId), all);
    const groups = [...resources, ...shared].filter(({ kind }) => kind === groupKinds[this.#settings.backends]);
    const refused = groups.flatMap((group) => this.#refusals.of(refOf(group)));
    return { kind: "service", resources, refused, addresses, shared, otherFirewalls: othersAmong(all) };
  }

  #shared(clusterId: string, all: readonly Resource[]): SharedObservation {
    const check = linkPath(linkOf({ kind: "healthCheck", name: sharedHealthCheckName(clusterId) }, this.#settings));
    const users = all.filter(
      (resource): resource is BackendService =>
        resource.kind === "backendService" && resource.healthChecks.some((link) => linkPath(link) === check),
    );
    const resources = named(sharedBaseName(clusterId), all);
    const usedProjects = usedProjectsOf(clusterId, all);
    return { kind: "shared", resources, otherFirewalls: othersAmong(all), usedProjects, users };
  }

  async #instances(clusterId: string, all: readonly Resource[], signal: AbortSignal): Promise<InstancesObservation> {
    const found = named(sharedBaseName(clusterId), all).filter((resource) => resource.kind === "instanceGroup");
    const links = new Set(found.map((group) => linkPath(linkOf(refOf(group), this.#settings))));
    const users = all.filter(
      (resource): resource is BackendService =>
        resource.kind === "backendService" && resource.backends.some(({ group }) => links.has(linkPath(group))),
    );
    const groups = found.map((group) => this.#membership(group, signal));
    return { kind: "instances", groups: await Promise.all(groups), users };
  }

  async #members(id: LbIdentity, all: readonly Resource[], signal: AbortSignal): Promise<MembersObservation> {
    const base = baseName(id);
    const own = all.filter((resource) => resource.name === base);
    const backendService = own.find((resource) => resource.kind === "backendService");
    const groups = await Promise.all(
      own.filter((resource) => resource.kind === "endpointGroup").map((group) => this.#membership(group, signal)),
    );
    const health = await Promise.all(
      (backendService?.backends ?? []).map(({ group }) => this.#health(base, group, signal)),
    );
    return { kind: "members", groups, backendService, health: new Map(health.flatMap((one) => [...one])) };
  }

  async #membership<G extends Group>(group: G, signal: AbortSignal): Promise<Membership<G>> {
    return { group, endpoints: await this.#endpoints(group, signal), refused: this.#refusals.of(refOf(group)) };
  }

  async #endpoints({ kind, name, zone }: Group, signal: AbortSignal): Promise<readonly Endpoint[]> {
    const pages = await this.#client.list(membersOf({ kind, name, zone }, this.#settings), signal);
    return pages.flatMap(endpointsOf);
  }

  async #health(backendService: string, group: string, signal: AbortSignal): Promise<ReadonlyMap<string, boolean>> {
    return healthOfMembers(await this.#client.call(healthOf(backendService, group, this.#settings), signal));
  }

  async #live(
    { id }: Extract<ScopeKey, { id: LbIdentity }>,
    kinds: readonly ResourceKind[],
    signal: AbortSignal,
  ): Promise<readonly Resource[]> {
    const pattern = `(${baseName(id)}|${sharedBaseName(id.clusterId)})(-.*)?`;
    return await this.#listed(id.clusterId, kinds, pattern, signal);
  }

  async #liveShared(
    clusterId: string,
    kinds: readonly ResourceKind[],
    signal: AbortSignal,
  ): Promise<readonly Resource[]> {
    const [own, services] = await Promise.all([
      this.#listed(clusterId, kinds, `${sharedBaseName(clusterId)}(-.*)?`, signal),
      this.#listed(clusterId, ["backendService"], `${anyBaseName}.*`, signal),
    ]);
    return [...own, ...services];
  }

  async #listed(
    clusterId: string,
    kinds: readonly ResourceKind[],
    pattern: string,
    signal: AbortSignal,
  ): Promise<readonly Resource[]> {
    const lists = kinds.map(async (kind) => {
      if (kind === "firewall") return await this.#firewalls(pattern, signal);
      // A user's own may have any name.
      return await this.#list(listOf(kind, kind === "address" ? undefined : pattern, this.#settings), kind, signal);
    });
    const found = (await Promise.all(lists)).flat();
    if (!kinds.includes("firewall")) return found;
    const elsewhere = projectsOf(clusterId, found).map((project) => this.#firewallsOf(project, signal));
    return [...found, ...(await Promise.all(elsewhere)).flat()];
  }

  /** Of a project that a class names; whose load balancers may have rules there is to be seen by all of them. */
  async #firewallsOf(project: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const all = listOf("firewall", undefined, this.#settings, { project });
    const found = await this.#list(all, "firewall", signal).catch(noneIfForbidden);
    return found.map((resource) => ({ ...resource, project }));
  }

  /**
   * In a network that is another project's somebody else may have made rules that do as well, or let nobody even look at
   * them: then none is seen.
   */
  async #firewalls(pattern: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const own = listOf("firewall", pattern, this.#settings);
    const { project, networkProject } = this.#settings;
    if (project === networkProject) return await this.#list(own, "firewall", signal);
    const others = listOf("firewall", `${anyBaseName}.*`, this.#settings, { fits: "ne" });
    const lists = await Promise.all(
      [own, others].map((call) => this.#list(call, "firewall", signal).catch(noneIfForbidden)),
    );
    return lists.flat();
  }

  async #list(call: ReturnType<typeof listOf>, kind: ResourceKind, signal: AbortSignal): Promise<readonly Resource[]> {
    const pages = await this.#client.list(call, signal);
    return pages.flatMap((page) => itemsOf(kind, page).flatMap((answer) => resourceOf(kind, answer) ?? []));
  }
}

function noneIfForbidden(error: unknown): readonly Resource[] {
  if (error instanceof ProviderError && error.fault.kind === "forbidden") return [];
  throw error;
}

/** In which other projects load balancers of the cluster have firewall rules. */
function usedProjectsOf(clusterId: string, all: readonly Resource[]): readonly string[] {
  const projects = all.flatMap((resource) => {
    if (resource.kind !== "firewall" || resource.project === undefined) return [];
    const owner = parseOwner(resource.description);
    return owner?.kind === "service" && owner.id.clusterId === clusterId ? [resource.project] : [];
  });
  return [...new Set(projects)].sort();
}

function othersAmong(all: readonly Resource[]): readonly Firewall[] {
  return all.filter(
    (resource): resource is Firewall => resource.kind === "firewall" && !resource.name.startsWith(anyBaseName),
  );
}

function named(base: string, all: readonly Resource[]): readonly Resource[] {
  return all.filter(({ name }) => isNamed(base, name));
}
