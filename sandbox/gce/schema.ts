// The API as the npm client has it: which requests there are, and what their bodies may hold.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
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

interface Field {
  readonly type: string;
  readonly rule?: string;
  readonly keyType?: string;
}

interface Message {
  readonly fields?: Readonly<Record<string, Field>>;
  readonly nested?: Readonly<Record<string, Message & { readonly values?: Readonly<Record<string, number>> }>>;
}

interface Service {
  readonly methods: Readonly<
    Record<
      string,
      {
        readonly requestType: string;
        readonly responseType: string;
        readonly options?: Readonly<Record<string, string | boolean>>;
      }
    >
  >;
}

type Messages = Readonly<Record<string, Message & Partial<Service>>>;

interface Tree {
  readonly nested: Readonly<Record<string, Tree>>;
}

/** The parts of the API that there are here. */
const services = [
  "Addresses",
  "Firewalls",
  "ForwardingRules",
  "GlobalOperations",
  "InstanceGroups",
  "NetworkEndpointGroups",
  "RegionBackendServices",
  "RegionHealthChecks",
  "RegionOperations",
  "ZoneOperations",
] as const;

export class Schema {
  readonly routes: readonly Route[];
  readonly #messages: Messages;

  constructor() {
    const path = createRequire(import.meta.url).resolve("@google-cloud/compute/build/protos/protos.json");
    let tree = JSON.parse(readFileSync(path, "utf8")) as Tree;
    for (const name of ["google", "cloud", "compute", "v1"]) tree = tree.nested[name] ?? tree;
    this.#messages = tree.nested;
    this.routes = services.flatMap((service) => this.#routesOf(service));
  }

  /** Refuses what no request of this kind may have in its query. */
  checkQuery({ query }: Route, given: URLSearchParams): void {
    for (const name of given.keys())
      if (this.#messages[query]?.fields?.[name] === undefined)
        refuse(
          400,
          "badRequest",
          `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter.`,
        );
  }

  /** Refuses a body that has what its message has not. */
  check(message: string, body: Readonly<Record<string, unknown>>): void {
    const known = this.#messages[message] ?? {};
    for (const [name, value] of Object.entries(body)) {
      if (value === undefined) continue;
      const field = known.fields?.[name];
      if (field === undefined)
        refuse(400, "badRequest", `Invalid JSON payload received. Unknown name "${name}": Cannot find field.`);
      const isList = field.rule === "repeated";
      if (isList !== Array.isArray(value)) refuse(400, "badRequest", `Invalid value at '${name}'`);
      const isMany = isList || field.keyType !== undefined;
      for (const item of isMany ? Object.values(value as object) : [value])
        this.#checkValue(known, name, field.type, item);
    }
  }

  #checkValue(message: Message, name: string, type: string, value: unknown): void {
    if (typeof value === "object" && value !== null)
      return this.check(type, value as Readonly<Record<string, unknown>>);
    const isEnum = type in (message.nested ?? {});
    if (typeof value !== jsonTypeOf(type, !isEnum && type in this.#messages))
      refuse(400, "badRequest", `Invalid value at '${name}' (${type}), ${JSON.stringify(value)}`);
    const values = enumOf(message, name);
    if (values !== undefined && !values.includes(String(value)))
      refuse(400, "invalid", `Invalid value for field 'resource.${name}': '${String(value)}'.`);
  }

  #routesOf(service: string): readonly Route[] {
    const { methods = {} } = this.#messages[service] ?? {};
    return Object.entries(methods).flatMap(([name, { requestType, responseType, options = {} }]) =>
      ["get", "post", "put", "patch", "delete"].flatMap((verb) => {
        const template = options[`(google.api.http).${verb}`];
        if (typeof template !== "string") return [];
        const body = options["(google.api.http).body"];
        const field = typeof body === "string" ? camel(body) : undefined;
        return [
          {
            service,
            method: name.charAt(0).toLowerCase() + name.slice(1),
            verb: verb.toUpperCase(),
            pattern: new RegExp(`^${template.replace(/\{[a-z_]+\}/g, "([^/]+)")}$`),
            body: field === undefined ? undefined : this.#messages[requestType]?.fields?.[field]?.type,
            query: requestType,
            answer: responseType,
          },
        ];
      }),
    );
  }
}

/** 64-bit numbers are texts in JSON. */
function jsonTypeOf(type: string, isMessage: boolean): string {
  if (isMessage) return "object";
  return type === "bool" ? "boolean" : ["int32", "uint32", "float", "double"].includes(type) ? "number" : "string";
}

/** The values of a field whose enumeration lies beside it, called as the field. */
function enumOf({ nested = {} }: Message, field: string): readonly string[] | undefined {
  const name = `${field.charAt(0).toUpperCase()}${field.slice(1)}`;
  const found = nested[name]?.values ?? nested[`${name}Enum`]?.values;
  return found === undefined ? undefined : Object.keys(found);
}

function camel(text: string): string {
  return text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
