import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type LateFailure, Operations } from "./operations.ts";
import { Refusal, refusalBody, refuse } from "./refusal.ts";
import { type Change, instancesOf, type Rule } from "./rule.ts";
import { rules as allRules } from "./rules.ts";
import { type Route, Schema } from "./schema.ts";
import { type Body, bare, collectionOf, type Machine, type Place, pathOf, World } from "./world.ts";

/** Whether a machine answers a probe that is sent to a load balancer's address. */
export type Probe = (machine: Machine, check: Body, vip: string) => boolean | Promise<boolean>;

export interface FakeGceOptions extends Place {
  readonly machines?: readonly Machine[];
  readonly probe?: Probe;
  /** As many as a page of a list has at most. */
  readonly pageSize?: number;
  /** How many requests have to come until an operation is done; 0: at once. */
  readonly steps?: number;
  /** Those of this id are not enforced. */
  readonly without?: string;
}

export interface JournalEntry {
  /** `insert`, `list` */
  readonly method: string;
  readonly path: string;
  readonly isWrite: boolean;
  readonly requestId: string | undefined;
  /** It bore credentials. */
  readonly isAuthorized: boolean;
  /** Of the answer; 0 when there was none. */
  status: number;
}

/** What goes wrong with the next requests that fit. */
export interface Fault {
  readonly fits: (entry: Pick<JournalEntry, "method" | "path">) => boolean;
  /** Absent: for ever. */
  readonly times?: number;
  readonly how:
    | {
        readonly kind: "answer";
        readonly status: number;
        readonly body: object;
        readonly headers?: Readonly<Record<string, string>>;
      }
    /** It is done, and the connection is cut before anybody hears of it. */
    | { readonly kind: "lose" }
    /** Nothing is answered, as long as somebody waits. */
    | { readonly kind: "hang" }
    /** The operation fails at its end. */
    | { readonly kind: "late"; readonly failure: LateFailure };
}

interface Asked {
  readonly route: Route;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Body;
}

const schema: { made?: Schema } = {};

/** Serves one project on loopback. */
export class FakeGce implements AsyncDisposable {
  readonly world: World;
  readonly operations: Operations = new Operations();
  readonly journal: JournalEntry[] = [];
  readonly faults: Fault[] = [];
  readonly url: URL;
  readonly #server: Server;
  readonly #options: FakeGceOptions;
  readonly #rules: readonly Rule[];
  readonly #schema: Schema;
  readonly #struck = new Map<Fault, number>();
  readonly #open = new Set<ServerResponse>();

  private constructor(server: Server, options: FakeGceOptions) {
    this.#server = server;
    this.#options = options;
    this.#rules = allRules.filter(({ id }) => id !== options.without);
    this.#schema = schema.made ??= new Schema();
    this.world = new World(options);
    for (const machine of options.machines ?? []) this.addMachine(machine);
    this.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async start(options: FakeGceOptions): Promise<FakeGce> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FakeGce(server, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Nothing was ever made; machines stay. */
  clear(): void {
    this.world.clear();
    this.operations.clear();
    this.journal.length = 0;
    this.faults.length = 0;
  }

  addMachine(machine: Machine): void {
    this.world.machines.set(`${machine.zone}/${machine.name}`, machine);
  }

  removeMachine({ zone, name }: Machine): void {
    this.world.machines.delete(`${zone}/${name}`);
    for (const [path, instances] of this.world.endpoints)
      if (path.includes(`/zones/${zone}/`))
        this.world.endpoints.set(
          path,
          instances.filter((instance) => instance !== name),
        );
  }

  /** Each address that rules lead to, with the machines that get what is sent there. */
  async paths(): Promise<ReadonlyMap<string, readonly string[]>> {
    const rules = [...this.world.resources].filter(([path]) => collectionOf(path) === "forwardingRules");
    const found = rules.map(async ([, rule]) => {
      const service = pathOf(rule["backendService"]);
      const groups = ((this.world.get(service)["backends"] ?? []) as readonly Body[]).map(({ group }) => ({ group }));
      const health = await Promise.all(groups.map((group) => this.#health(service, group)));
      const vip = bare(rule["IPAddress"]);
      const states = health.flatMap(({ healthStatus }) => healthStatus as readonly Body[]);
      const here = states.filter(({ forwardingRuleIp }) => forwardingRuleIp === vip);
      const healthy = here.filter(({ healthState }) => healthState === "HEALTHY");
      // Where none is healthy, all get it.
      const chosen = healthy.length > 0 ? healthy : here;
      return [vip, chosen.map(({ instance }) => String(instance).split("/").at(-1) ?? "")] as const;
    });
    return new Map(await Promise.all(found));
  }

  /** Once no request is open. */
  async idle(): Promise<void> {
    for (const response of this.#open) await once(response, "close");
  }

  /** What refers to something that is not there. */
  dangling(): readonly string[] {
    return [...this.world.resources].flatMap(([path, body]) =>
      [
        body["backendService"],
        body["healthChecks"],
        ...((body["backends"] ?? []) as readonly Body[]).map(({ group }) => group),
      ]
        .flat()
        .filter((link) => link !== undefined && !this.world.resources.has(pathOf(link)))
        .map((link) => `${path} -> ${pathOf(link)}`),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#open.add(response);
    response.on("close", () => this.#open.delete(response));
    const url = new URL(request.url ?? "/", this.url);
    const sent = await text(request);
    this.operations.advance();
    const path = url.pathname.replace(/^\/compute\/v1\//, "");
    const route = this.#schema.routes.find(
      ({ verb, pattern }) => verb === request.method && pattern.test(url.pathname),
    );
    const isRead =
      route === undefined ||
      route.verb === "GET" ||
      ["getHealth", "listNetworkEndpoints", "listInstances"].includes(route.method);
    const entry = {
      method: route?.method ?? "unknown",
      path,
      isWrite: !isRead,
      requestId: url.searchParams.get("requestId") ?? undefined,
      isAuthorized: request.headers.authorization !== undefined,
      status: 0,
    };
    this.journal.push(entry);
    const fault = this.#faultFor(entry);
    try {
      if (fault?.how.kind === "answer")
        return this.#send(response, entry, fault.how.status, fault.how.body, fault.how.headers);
      if (fault?.how.kind === "hang") return;
      if (route === undefined) refuse(404, "notFound", "Not Found");
      const body = sent === "" || sent === '""' ? {} : (JSON.parse(sent) as Body);
      this.#schema.checkQuery(route, url.searchParams);
      if (route.body !== undefined) this.#schema.check(route.body, body);
      const late = fault?.how.kind === "late" ? fault.how.failure : undefined;
      const answer = await this.#handle({ route, path, query: url.searchParams, body }, late);
      if (fault?.how.kind === "lose") return void request.socket.destroy();
      this.#checkAnswer(route, answer);
      this.#send(response, entry, 200, answer);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, "backendError", String(error));
      this.#send(response, entry, refusal.status, refusalBody(refusal));
    }
  }

  /** Nothing leaves here that the API could not say. */
  #checkAnswer({ service, method, answer: message }: Route, answer: Body): void {
    try {
      this.#schema.check(message, answer);
    } catch (error) {
      throw new Error(`the answer to ${service}.${method} is no ${message}: ${String(error)}`, { cause: error });
    }
  }

  #send(
    response: ServerResponse,
    entry: JournalEntry,
    status: number,
    body: object,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    entry.status = status;
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  }

  #faultFor(entry: JournalEntry): Fault | undefined {
    const fault = this.faults.find(
      (one) => one.fits(entry) && (this.#struck.get(one) ?? 0) < (one.times ?? Number.POSITIVE_INFINITY),
    );
    if (fault !== undefined) this.#struck.set(fault, (this.#struck.get(fault) ?? 0) + 1);
    return fault;
  }

  async #handle(asked: Asked, late: LateFailure | undefined): Promise<Body> {
    const { route, path } = asked;
    if (route.service.endsWith("Operations")) return this.#operation(asked);
    switch (route.method) {
      case "get":
        return this.world.get(path);
      case "list":
        return this.#page(asked, this.world.list(new RegExp(`^${path}/[^/]+$`)));
      case "aggregatedList":
        return this.#aggregated(asked);
      case "listNetworkEndpoints":
        return this.#page(asked, this.#endpoints(path.replace(/\/listNetworkEndpoints$/, "")));
      case "listInstances":
        return this.#page(
          asked,
          this.#endpoints(path.replace(/\/listInstances$/, "")).map(({ networkEndpoint }) => ({
            instance: (networkEndpoint as Body)["instance"],
            status: "RUNNING",
          })),
        );
      case "getHealth":
        return await this.#health(path.replace(/\/getHealth$/, ""), asked.body);
      default:
        return this.#change(asked, late);
    }
  }

  #operation({ path }: Asked): Body {
    return this.operations.get(path) ?? refuse(404, "notFound", `The resource '${path}' was not found`);
  }

  #change({ route, path, query, body: asked }: Asked, late: LateFailure | undefined): Body {
    const requestId = query.get("requestId") ?? undefined;
    const again = requestId === undefined ? undefined : this.operations.ofRequest(requestId);
    if (again !== undefined) return again;
    const { world } = this;
    const target =
      route.method === "insert"
        ? `${path}/${String(asked["name"])}`
        : path.replace(/\/((attach|detach)NetworkEndpoints|(add|remove)Instances)$/, "");
    const before = world.resources.get(target);
    const body =
      route.method === "insert" || route.method === "update"
        ? world.complete(target, asked)
        : { ...before, ...(route.method === "patch" && asked) };
    const change: Change = { method: route.method, path: target, before, body, asked, world };
    for (const { enforce } of this.#rules) {
      const refusal = enforce(change);
      if (refusal !== undefined) throw refusal;
    }
    const coming = { path: target, body: route.method === "delete" ? undefined : body };
    world.coming.add(coming);
    return this.operations.begin(target.split("/").slice(0, -2).join("/"), {
      type: route.method,
      target,
      requestId,
      left: this.#options.steps ?? 0,
      failure: late,
      commit: () => {
        world.coming.delete(coming);
        if (late === undefined) this.#commit(change);
      },
    });
  }

  #commit({ method, path, body, asked, world }: Change): void {
    const instances = instancesOf(asked);
    const there = world.endpoints.get(path) ?? [];
    switch (method) {
      case "delete":
        return world.remove(path);
      case "addInstances":
      case "attachNetworkEndpoints":
        world.endpoints.set(path, [...new Set([...there, ...instances])]);
        // A group is where its first machine is.
        return method === "addInstances" ? world.put(path, { ...body, ...world.networkOf(path) }) : undefined;
      case "removeInstances":
      case "detachNetworkEndpoints":
        return void world.endpoints.set(
          path,
          there.filter((instance) => !instances.includes(instance)),
        );
      default:
        return world.put(path, body);
    }
  }

  #endpoints(path: string): readonly Body[] {
    this.world.get(path);
    const zone = /zones\/[^/]+/.exec(path)?.[0];
    const { project } = this.world.place;
    return (this.world.endpoints.get(path) ?? []).map((instance) => ({
      networkEndpoint: {
        instance: `https://www.googleapis.com/compute/v1/projects/${project}/${zone}/instances/${instance}`,
        ipAddress: this.world.machines.get(`${zone?.slice(6)}/${instance}`)?.address ?? "",
      },
    }));
  }

  #aggregated({ path, query }: Asked): Body {
    const project = path.split("/aggregated/")[0];
    const kind = path.split("/").at(-1) ?? "";
    const all = this.world.list(new RegExp(`^${project}/zones/[^/]+/${kind}/[^/]+$`));
    const page = this.#page({ query }, all) as { readonly items: readonly Body[]; readonly nextPageToken?: string };
    const zones = Map.groupBy(page.items, ({ zone }) => `zones/${String(zone).split("/").at(-1)}`);
    return { ...page, items: Object.fromEntries([...zones].map(([zone, groups]) => [zone, { [kind]: groups }])) };
  }

  #page({ query }: Pick<Asked, "query">, all: readonly Body[]): Body {
    const filter = query.get("filter");
    const [, sense, pattern] = /^name (eq|ne) "(.*)"$/.exec(filter ?? "") ?? [];
    if (filter !== null && pattern === undefined)
      refuse(400, "invalid", `Invalid value for field 'filter': '${filter}'.`);
    const fitting = all.filter(
      ({ name }) => pattern === undefined || new RegExp(`^(?:${pattern})$`).test(String(name)) === (sense === "eq"),
    );
    const from = Number(query.get("pageToken") ?? 0);
    const to = from + Math.min(Number(query.get("maxResults") ?? 500), this.#options.pageSize ?? 500);
    const items = fitting.slice(from, to);
    return { items, ...(to < fitting.length && { nextPageToken: String(to) }) };
  }

  /** Each machine of a group is probed at each address, as its health check says. */
  async #health(path: string, { group }: Body): Promise<Body> {
    const service = this.world.get(path);
    const check = this.world.get(pathOf((service["healthChecks"] as readonly string[])[0]));
    const vips = this.world
      .usersOf(path)
      .filter((user) => collectionOf(user) === "forwardingRules")
      .map((user) => bare(this.world.resources.get(user)?.["IPAddress"]));
    const zone = /zones\/([^/]+)/.exec(String(group))?.[1] ?? "";
    const instances = this.world.endpoints.get(pathOf(group)) ?? [];
    const states = instances.flatMap((instance) =>
      [...new Set(vips)].map(async (vip) => {
        const machine = this.world.machines.get(`${zone}/${instance}`);
        const isHealthy = machine !== undefined && (await (this.#options.probe ?? (() => true))(machine, check, vip));
        return {
          instance: `https://www.googleapis.com/compute/v1/projects/${this.world.place.project}/zones/${zone}/instances/${instance}`,
          forwardingRuleIp: vip,
          healthState: isHealthy ? "HEALTHY" : "UNHEALTHY",
        };
      }),
    );
    return { kind: "compute#backendServiceGroupHealth", healthStatus: await Promise.all(states) };
  }
}
