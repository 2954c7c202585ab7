import { errorMessage } from "../base/index.ts";
import type { ProxiedService } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { type HttpEndpoint, type RouteAnswer, serveEndpoints } from "../telemetry/index.ts";

export interface HealthPortsOptions {
  readonly families: readonly Family[];
  /** Whether this node's rules of the family follow the cluster. */
  readonly healthy: (family: Family) => boolean;
  /** A port that could not be opened, once for each Service, port and cause; it is tried again with each update. */
  readonly onFailure: (service: string, port: number, why: string) => void;
}

/** What a Service was and is. */
export interface ServiceTurn {
  readonly key: string;
  readonly after: ProxiedService | undefined;
}

/**
 * The HTTP servers on `healthCheckNodePort`: a load balancer with externalTrafficPolicy Local asks there whether this
 * node has an endpoint of the Service. Each family has sockets and answers of its own, as in kube-proxy since 1.36.
 */
export class HealthPorts implements AsyncDisposable {
  readonly #families: ReadonlyMap<Family, FamilyPorts>;

  constructor(options: HealthPortsOptions) {
    this.#families = new Map(options.families.map((family) => [family, new FamilyPorts(family, options)]));
  }

  /**
   * Opens and closes the servers of one family for Services that changed, and for those that failed before. Returns
   * how many cannot be served now. `addresses`: where NodePorts answer; undefined: everywhere. Calls for one family must not
   * overlap.
   */
  async update(
    family: Family,
    changes: Iterable<ServiceTurn>,
    addresses: readonly string[] | undefined,
  ): Promise<number> {
    return (await this.#families.get(family)?.update(changes, addresses)) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#families.values()].map((ports) => ports[Symbol.asyncDispose]()));
  }
}

interface Check {
  readonly port: number;
  readonly localEndpoints: number;
}

/** An update costs what changed. */
class FamilyPorts implements AsyncDisposable {
  readonly #family: Family;
  readonly #options: HealthPortsOptions;
  readonly #wanted = new Map<string, Check>();
  readonly #open = new Map<string, { readonly port: number; readonly servers: readonly HttpEndpoint[] }>();
  /** Services whose port is not served, with what was told of it. */
  readonly #failed = new Map<string, string>();
  #hosts: readonly string[];

  constructor(family: Family, options: HealthPortsOptions) {
    this.#family = family;
    this.#options = options;
    this.#hosts = [everywhere(family)];
  }

  async update(changes: Iterable<ServiceTurn>, addresses: readonly string[] | undefined): Promise<number> {
    const hosts = addresses ?? [everywhere(this.#family)];
    const moved = hosts.join() !== this.#hosts.join();
    this.#hosts = hosts;
    const touched = new Set<string>();
    for (const { key, after } of changes) {
      const check = familyCheck(after, this.#family);
      if (check !== undefined) this.#wanted.set(key, check);
      else if (!this.#wanted.delete(key)) continue;
      touched.add(key);
    }
    const due = new Set([...(moved ? [...this.#wanted.keys(), ...touched] : touched), ...this.#failed.keys()]);
    // Closed before any is opened: a port may go from one Service to another.
    for (const key of due)
      if (moved || this.#wanted.get(key)?.port !== this.#open.get(key)?.port) await this.#shut(key);
    for (const key of due) await this.#serve(key);
    return this.#failed.size;
  }

  async #shut(key: string): Promise<void> {
    const servers = this.#open.get(key)?.servers ?? [];
    this.#open.delete(key);
    await closeAll(servers);
  }

  async #serve(key: string): Promise<void> {
    const port = this.#wanted.get(key)?.port;
    if (port === undefined) this.#failed.delete(key);
    if (port === undefined || this.#open.has(key)) return;
    const servers: HttpEndpoint[] = [];
    try {
      for (const host of this.#hosts)
        servers.push(
          await serveEndpoints({ host, port, ipv6Only: host.includes(":"), routes: { "*": () => this.#answer(key) } }),
        );
      this.#open.set(key, { port, servers });
      this.#failed.delete(key);
    } catch (error) {
      await closeAll(servers);
      this.#tell(key, port, this.#cause(port, error));
    }
  }

  #tell(key: string, port: number, why: string): void {
    const text = `${port} ${why}`;
    if (this.#failed.get(key) === text) return;
    this.#failed.set(key, text);
    this.#options.onFailure(key, port, why);
  }

  /** Two Services that ask for one port are an odd case: the API server gives each its own. */
  #cause(port: number, error: unknown): string {
    const [owner] = [...this.#open].find(([, open]) => open.port === port) ?? [];
    return owner === undefined ? errorMessage(error) : `Service ${owner} has the same healthCheckNodePort`;
  }

  #answer(key: string): RouteAnswer {
    const local = this.#wanted.get(key)?.localEndpoints ?? 0;
    const healthy = this.#options.healthy(this.#family);
    const [namespace, name] = key.split("/");
    return {
      status: local > 0 && healthy ? 200 : 503,
      contentType: "application/json",
      headers: { "x-content-type-options": "nosniff", "x-load-balancing-endpoint-weight": `${local}` },
      body: JSON.stringify({ service: { namespace, name }, localEndpoints: local, serviceProxyHealthy: healthy }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wanted.clear();
    await Promise.all([...this.#open.keys()].map((key) => this.#shut(key)));
  }
}

function everywhere(family: Family): string {
  return family === "IPv4" ? "0.0.0.0" : "::";
}

async function closeAll(servers: readonly HttpEndpoint[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}

/** An endpoint that ends never counts, though rules may still send to it: the load balancer is to stop before. */
function familyCheck(service: ProxiedService | undefined, family: Family): Check | undefined {
  const ports = service?.ports.filter((port) => port.family === family) ?? [];
  const port = ports[0]?.healthCheckNodePort ?? 0;
  if (port === 0) return undefined;
  const local = ports.flatMap(({ choice }) => choice.local.filter(({ ready }) => ready).map(({ address }) => address));
  return { port, localEndpoints: new Set(local).size };
}
