import { api, type Body, collectionOf, zoneOf } from "./body.ts";
import { healthOf, type Probe } from "./fabric/health.ts";
import { type LateFailure, Operations } from "./operations.ts";
import { refuse } from "./refusal.ts";
import { type Change, type Rule, refusalOf } from "./rule.ts";
import { rules as allRules } from "./rules.ts";
import type { Route } from "./schema.ts";
import { type Place, World } from "./world.ts";

export interface RequestsOptions extends Place {
  /** What is found out by asking machines. */
  readonly probe: Probe;
  /** As many as a page of a list has at most. */
  readonly pageSize?: number;
  /** How many requests have to come until an operation is done, and anything of it is to be seen; 0: at once. */
  readonly steps?: number;
  /** The rule of this id is not enforced. */
  readonly without?: string;
}

export interface Asked {
  readonly route: Route;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Body;
}

const maxPageSize = 500;

/** Does what is asked for, and nothing that a rule is against. */
export class Requests {
  readonly world: World;
  readonly operations: Operations;
  readonly #options: RequestsOptions;
  readonly #rules: readonly Rule[];

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#rules = allRules.filter(({ id }) => id !== options.without);
    this.world = new World(options);
    this.operations = new Operations(() => this.world.now());
  }

  /** `late`: what its operation is to end with. */
  async answer(asked: Asked, late?: LateFailure): Promise<Body> {
    const { route, path, query, body } = asked;
    const isCustom = route.verb === "POST" && route.method !== "insert";
    const target = isCustom ? path.slice(0, path.lastIndexOf("/")) : path;
    const missing = (): never => refuse(404, "notFound", `The resource '${target}' was not found`);
    if (route.service.endsWith("Operations")) return this.operations.get(target) ?? missing();
    const again = this.operations.ofRequest(query.get("requestId") ?? undefined);
    if (again !== undefined) return again;
    const change = this.#changeOf(asked, target);
    const refusal = refusalOf(this.#rules, change);
    if (refusal !== undefined) throw refusal;
    switch (route.method) {
      case "get":
        return this.world.get(target);
      case "list":
        return this.#page(query, this.world.list(new RegExp(`^${target}/[^/]+$`)));
      case "aggregatedList":
        return this.#aggregated(asked);
      case "listNetworkEndpoints":
      case "listInstances":
        return this.#page(query, this.#members(target, route.method));
      case "getHealth":
        return await healthOf(this.world, target, body["group"], this.#options.probe);
      default:
        return this.#begin(change, query.get("requestId") ?? undefined, late);
    }
  }

  #changeOf({ route: { method }, body: asked }: Asked, target: string): Change {
    const path = method === "insert" ? `${target}/${String(asked["name"])}` : target;
    const before = this.world.resources.get(path);
    const isWhole = method === "insert" || method === "update";
    const body = isWhole ? this.world.complete(path, asked) : { ...before, ...(method === "patch" && asked) };
    const named = (asked["networkEndpoints"] ?? asked["instances"] ?? []) as readonly Body[];
    const instances = named.map(({ instance }) => String(instance).split("/").at(-1) ?? "");
    return { method, path, before, body, asked, instances, collection: collectionOf(path), world: this.world };
  }

  #begin(change: Change, requestId: string | undefined, failure: LateFailure | undefined): Body {
    const { method, path, world } = change;
    const body = method === "insert" && failure === undefined ? world.furnish(path, change.body) : change.body;
    const coming = { path, body: method === "delete" ? undefined : body };
    const commit = (): void => {
      world.coming.delete(coming);
      if (failure === undefined) make({ ...change, body });
    };
    world.coming.add(coming);
    const { steps = 2 } = this.#options;
    return this.operations.begin({
      type: method,
      target: path,
      targetId: world.idOf(path),
      requestId,
      steps,
      failure,
      commit,
    });
  }

  #members(path: string, method: string): readonly Body[] {
    const { world } = this;
    const zone = `${api}projects/${world.place.project}/zones/${zoneOf(path)}`;
    world.get(path);
    return world.membersOf(path).map((name) => {
      const instance = `${zone}/instances/${name}`;
      if (method === "listInstances") return { instance, status: "RUNNING" };
      return { networkEndpoint: { instance, ipAddress: world.machineIn(path, name)?.address ?? "" } };
    });
  }

  #aggregated({ path, query }: Asked): Body {
    const [project = "", kind = ""] = path.split("/aggregated/");
    const { items, ...page } = this.#page(query, this.world.list(new RegExp(`^${project}/zones/[^/]+/${kind}/[^/]+$`)));
    const zones = Map.groupBy(items as readonly Body[], ({ selfLink }) => `zones/${zoneOf(String(selfLink))}`);
    return { ...page, items: Object.fromEntries([...zones].map(([zone, groups]) => [zone, { [kind]: groups }])) };
  }

  #page(query: URLSearchParams, all: readonly Body[]): Body {
    const filter = query.get("filter") ?? 'name ne ""';
    const [, sense, pattern] =
      /^name (eq|ne) "(.*)"$/.exec(filter) ?? refuse(400, "invalid", `Invalid filter '${filter}'.`);
    const fitting = all.filter(({ name }) => new RegExp(`^(?:${pattern})$`).test(String(name)) === (sense === "eq"));
    const from = Number(query.get("pageToken") ?? 0);
    const to = from + Math.min(Number(query.get("maxResults") ?? maxPageSize), this.#options.pageSize ?? maxPageSize);
    return { items: fitting.slice(from, to), ...(to < fitting.length && { nextPageToken: String(to) }) };
  }
}

/** The effect of a change. */
function make({ method, path, body, instances, world }: Change): void {
  const there = world.membersOf(path);
  const going = new Set(instances);
  if (method === "delete") world.remove(path);
  else if (/^(add|attach)/.test(method)) world.endpoints.set(path, [...new Set([...there, ...instances])]);
  else if (/^(remove|detach)/.test(method))
    world.endpoints.set(
      path,
      there.filter((name) => !going.has(name)),
    );
  else world.put(path, body);
  if (method === "addInstances") world.put(path, { ...body, ...world.networkOf(path) });
}
