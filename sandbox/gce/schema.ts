// The API as the npm client has it: which requests there are, and what their bodies may hold.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Body } from "./body.ts";
import { refuse } from "./refusal.ts";

/** One kind of request. */
export interface Route {
  /** `ForwardingRules` */
  readonly service: string;
  /** `insert` */
  readonly method: string;
  readonly verb: string;
  readonly pattern: RegExp;
  /** The message of the body; undefined: it has none. */
  readonly body: string | undefined;
  /** The message whose fields the query may have, beside those that are in the path or the body. */
  readonly query: string;
  readonly answer: string;
}

type Named<T> = Readonly<Record<string, T>>;

/** A namespace, a message, an enumeration or a service of the client's `protos.json`. */
interface Definition {
  readonly nested?: Named<Definition>;
  readonly fields?: Named<{ readonly type: string; readonly rule?: string; readonly keyType?: string }>;
  readonly values?: Named<number>;
  readonly methods?: Named<{
    readonly requestType: string;
    readonly responseType: string;
    readonly options?: Named<string | boolean>;
  }>;
}

const groups = "Get List AggregatedList Insert Delete";

/** The parts of the API that there are here, with the methods of each. */
const services: Named<string> = {
  Addresses: "Get List Insert Delete",
  Firewalls: "Get List Insert Update Patch Delete",
  ForwardingRules: "Get List Insert Patch Delete",
  GlobalOperations: "Get Wait",
  InstanceGroups: `${groups} AddInstances RemoveInstances ListInstances`,
  NetworkEndpointGroups: `${groups} AttachNetworkEndpoints DetachNetworkEndpoints ListNetworkEndpoints`,
  RegionBackendServices: "Get List Insert Update Patch Delete GetHealth",
  RegionHealthChecks: "Get List Insert Update Patch Delete",
  RegionOperations: "Get Wait",
  ZoneOperations: "Get Wait",
};

const numbers = ["int32", "uint32", "float", "double"];

export class Schema {
  readonly routes: readonly Route[];
  readonly #definitions: Named<Definition>;

  constructor() {
    const path = createRequire(import.meta.url).resolve("@google-cloud/compute/build/protos/protos.json");
    let tree = JSON.parse(readFileSync(path, "utf8")) as Definition;
    for (const name of ["google", "cloud", "compute", "v1"]) tree = tree.nested?.[name] ?? tree;
    this.#definitions = tree.nested ?? {};
    this.routes = Object.entries(services).flatMap(([service, names]) => this.#routesOf(service, names.split(" ")));
  }

  /** Refuses what no request of this kind may have in its query. */
  checkQuery({ query }: Route, given: URLSearchParams): void {
    for (const name of given.keys())
      if (this.#definitions[query]?.fields?.[name] === undefined)
        refuse(
          400,
          "badRequest",
          `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter.`,
        );
  }

  /** Refuses a body that has what its message has not. */
  check(message: string, body: Body): void {
    const known = this.#definitions[message] ?? {};
    for (const [name, value] of Object.entries(body)) {
      if (value === undefined) continue;
      const field = known.fields?.[name];
      if (field === undefined)
        refuse(400, "badRequest", `Invalid JSON payload received. Unknown name "${name}": Cannot find field.`);
      const isList = field.rule === "repeated";
      if (isList !== Array.isArray(value)) refuse(400, "badRequest", `Invalid value at '${name}'`);
      const items = isList || field.keyType !== undefined ? Object.values(value as object) : [value];
      for (const item of items) this.#checkValue(known, name, field.type, item);
    }
  }

  #checkValue({ nested = {} }: Definition, name: string, type: string, value: unknown): void {
    if (typeof value === "object" && value !== null) return this.check(type, value as Body);
    const isMessage = !(type in nested) && type in this.#definitions;
    if (typeof value !== jsonTypeOf(type, isMessage))
      refuse(400, "badRequest", `Invalid value at '${name}' (${type}), ${JSON.stringify(value)}`);
    // The enumeration of a field whose type is text lies beside it, called as the field.
    const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const values = nested[title]?.values ?? nested[`${title}Enum`]?.values;
    if (values !== undefined && !Object.hasOwn(values, String(value)))
      refuse(400, "invalid", `Invalid value for field 'resource.${name}': '${String(value)}'.`);
  }

  #routesOf(service: string, names: readonly string[]): readonly Route[] {
    const methods = Object.entries(this.#definitions[service]?.methods ?? {}).filter(([name]) => names.includes(name));
    return methods.map(([name, { requestType, responseType, options = {} }]) => {
      const [key = "", template] = Object.entries(options).find(([one]) => /\.http\)\.(?!body)/.test(one)) ?? [];
      const body = String(options["(google.api.http).body"]).replace(/_([a-z])/g, (_, one: string) =>
        one.toUpperCase(),
      );
      return {
        service,
        method: name.charAt(0).toLowerCase() + name.slice(1),
        verb: key.replace(/^.*\./, "").toUpperCase(),
        pattern: new RegExp(`^${String(template).replace(/\{[a-z_]+\}/g, "([^/]+)")}$`),
        body: this.#definitions[requestType]?.fields?.[body]?.type,
        query: requestType,
        answer: responseType,
      };
    });
  }
}

/** 64-bit numbers are texts in JSON. */
function jsonTypeOf(type: string, isMessage: boolean): string {
  if (isMessage) return "object";
  return type === "bool" ? "boolean" : numbers.includes(type) ? "number" : "string";
}
