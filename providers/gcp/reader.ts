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
  MembersObservation,
  Observation,
  ServiceObservation,
  SharedObservation,
} from "./observation.ts";
import { sharedHealthCheckName } from "./plan/index.ts";
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

  constructor(client: ComputeClient, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
  }

  /** Everything that may be of any scope that Services have. */
  async all(signal: AbortSignal): Promise<readonly Resource[]> {
    const kinds = new Set<ResourceKind>([...loadBalancerKinds, "endpointGroup", groupKinds[this.#settings.backends]]);
    return await this.#listed([...kinds], `${anyBaseName}.*`, signal);
  }

  /** That, and what is left of another choice of backends. */
  async owned(signal: AbortSignal): Promise<readonly Resource[]> {
    return await this.#listed([...loadBalancerKinds, ...Object.values(groupKinds)], `${anyBaseName}.*`, signal);
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
    return { kind: "service", resources, addresses, shared, otherFirewalls: othersAmong(all) };
  }

  #shared(clusterId: string, all: readonly Resource[]): SharedObservation {
    const check = linkPath(linkOf({ kind: "healthCheck", name: sharedHealthCheckName(clusterId) }, this.#settings));
    const users = all.filter(
      (resource): resource is BackendService =>
        resource.kind === "backendService" && resource.healthChecks.some((link) => linkPath(link) === check),
    );
    const resources = named(sharedBaseName(clusterId), all);
    return { kind: "shared", resources, otherFirewalls: othersAmong(all), users };
  }

  async #instances(clusterId: string, all: readonly Resource[], signal: AbortSignal): Promise<InstancesObservation> {
    const found = named(sharedBaseName(clusterId), all).filter((resource) => resource.kind === "instanceGroup");
    const links = new Set(found.map((group) => linkPath(linkOf(refOf(group), this.#settings))));
    const users = all.filter(
      (resource): resource is BackendService =>
        resource.kind === "backendService" && resource.backends.some(({ group }) => links.has(linkPath(group))),
    );
    const groups = found.map(async (group) => ({ group, endpoints: await this.#endpoints(group, signal) }));
    return { kind: "instances", groups: await Promise.all(groups), users };
  }

  async #members(id: LbIdentity, all: readonly Resource[], signal: AbortSignal): Promise<MembersObservation> {
    const base = baseName(id);
    const own = all.filter((resource) => resource.name === base);
    const backendService = own.find((resource) => resource.kind === "backendService");
    const groups = await Promise.all(
      own
        .filter((resource) => resource.kind === "endpointGroup")
        .map(async (group) => ({ group, endpoints: await this.#endpoints(group, signal) })),
    );
    const health = await Promise.all(
      (backendService?.backends ?? []).map(({ group }) => this.#health(base, group, signal)),
    );
    return { kind: "members", groups, backendService, health: new Map(health.flatMap((one) => [...one])) };
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
    return await this.#listed(kinds, `(${baseName(id)}|${sharedBaseName(id.clusterId)})(-.*)?`, signal);
  }

  async #liveShared(
    clusterId: string,
    kinds: readonly ResourceKind[],
    signal: AbortSignal,
  ): Promise<readonly Resource[]> {
    const [own, services] = await Promise.all([
      this.#listed(kinds, `${sharedBaseName(clusterId)}(-.*)?`, signal),
      this.#listed(["backendService"], `${anyBaseName}.*`, signal),
    ]);
    return [...own, ...services];
  }

  async #listed(kinds: readonly ResourceKind[], pattern: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const lists = kinds.map(async (kind) => {
      if (kind === "firewall") return await this.#firewalls(pattern, signal);
      // A user's own may have any name.
      return await this.#list(listOf(kind, kind === "address" ? undefined : pattern, this.#settings), kind, signal);
    });
    return (await Promise.all(lists)).flat();
  }

  /**
   * In a network that is another project's somebody else may have made rules that do as well, or let nobody even look at
   * them: then none is seen.
   */
  async #firewalls(pattern: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const own = listOf("firewall", pattern, this.#settings);
    const { project, networkProject } = this.#settings;
    if (project === networkProject) return await this.#list(own, "firewall", signal);
    const others = listOf("firewall", `${anyBaseName}.*`, this.#settings, "ne");
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

function othersAmong(all: readonly Resource[]): readonly Firewall[] {
  return all.filter(
    (resource): resource is Firewall => resource.kind === "firewall" && !resource.name.startsWith(anyBaseName),
  );
}

function named(base: string, all: readonly Resource[]): readonly Resource[] {
  return all.filter(({ name }) => isNamed(base, name));
}
