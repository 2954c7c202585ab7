// What a rule of the API is, and how a request is held against all of them.
import type { Body } from "./body.ts";
import { Refusal } from "./refusal.ts";
import type { World } from "./world.ts";

/** A request, most of all a change that is asked for. */
export interface Change {
  readonly method: string;
  readonly path: string;
  readonly collection: string;
  /** Undefined when it is to be made. */
  readonly before: Body | undefined;
  /** As it would be; that of a delete is what there is. */
  readonly body: Body;
  /** What the request itself says. */
  readonly asked: Body;
  /** The machines that it names. */
  readonly instances: readonly string[];
  readonly world: World;
}

export interface Rule {
  readonly id: string;
  /** Where it is said, or who relies on it. */
  readonly source: string;
  /** The methods that it is about, and the collection if not all: `insert,update firewalls`; then the answer. */
  readonly on: readonly [requests: string, status?: number, reason?: string];
  /** What the API says against it. */
  readonly against: (change: Change) => string | false | undefined;
}

/** What reads alone. */
export const reads = "get,list,aggregatedList,wait,getHealth,listInstances,listNetworkEndpoints";
/** What leaves a resource behind. */
export const writes = "insert,update,patch";
/** What takes machines into a group. */
export const comes = "attachNetworkEndpoints,addInstances";
/** What changes a resource that is there. */
export const changes: string = `update,patch,delete,${comes},detachNetworkEndpoints,removeInstances`;

/** The first refusal of those that fit. */
export function refusalOf(rules: readonly Rule[], change: Change): Refusal | undefined {
  for (const { on, against } of rules) {
    const [requests, status = 400, reason = "invalid"] = on;
    const [methods = "", collection = change.collection] = requests.split(" ");
    const fits = methods.split(",").includes(change.method) && collection === change.collection;
    const message = fits && against(change);
    if (typeof message === "string") return new Refusal(status, reason, message);
  }
  return undefined;
}
