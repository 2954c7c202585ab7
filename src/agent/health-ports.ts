import { errorMessage } from "../base/index.ts";
import type { ProxiedService, ServiceHealthCheck } from "../model/index.ts";
import { type HttpEndpoint, type Logger, type RouteAnswer, serveEndpoints } from "../telemetry/index.ts";

interface Server {
  check: ServiceHealthCheck;
  readonly endpoint: HttpEndpoint;
}

/**
 * The HTTP servers on `healthCheckNodePort`: a load balancer with externalTrafficPolicy Local asks there whether this
 * node has an endpoint of the Service.
 */
export class HealthPorts implements AsyncDisposable {
  readonly #host: string;
  readonly #healthy: () => boolean;
  readonly #logger: Logger;
  readonly #servers = new Map<string, Server>();

  /** `healthy`: whether this node's rules follow the cluster. */
  constructor(host: string, healthy: () => boolean, logger: Logger) {
    this.#host = host;
    this.#healthy = healthy;
    this.#logger = logger;
  }

  /** Opens, closes and updates servers; one whose port is taken is tried again with the next update. */
  async update(services: readonly ProxiedService[]): Promise<void> {
    const wanted = new Map(services.flatMap(({ key, healthCheck }) => (healthCheck ? [[key, healthCheck]] : [])));
    for (const [key, server] of this.#servers)
      if (wanted.get(key)?.port !== server.check.port) {
        this.#servers.delete(key);
        await server.endpoint[Symbol.asyncDispose]();
      }
    for (const [key, check] of wanted) {
      const server = this.#servers.get(key);
      if (server === undefined) await this.#open(key, check);
      else server.check = check;
    }
  }

  async #open(key: string, check: ServiceHealthCheck): Promise<void> {
    const routes = { "*": () => this.#answer(key) };
    try {
      const endpoint = await serveEndpoints({ host: this.#host, port: check.port, routes });
      this.#servers.set(key, { check, endpoint });
    } catch (err) {
      this.#logger.warn("health check node port not served", {
        service: key,
        port: check.port,
        why: `${errorMessage(err)}; free the port or give the Service another healthCheckNodePort`,
      });
    }
  }

  #answer(key: string): RouteAnswer {
    const local = this.#servers.get(key)?.check.localEndpoints ?? 0;
    const healthy = this.#healthy();
    const [namespace, name] = key.split("/");
    return {
      status: local > 0 && healthy ? 200 : 503,
      contentType: "application/json",
      headers: { "x-content-type-options": "nosniff", "x-load-balancing-endpoint-weight": `${local}` },
      body: JSON.stringify({ service: { namespace, name }, localEndpoints: local, serviceProxyHealthy: healthy }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.update([]);
  }
}
