import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import type { Action, Endpoint, Resource } from "./resources.ts";
import { PlannerBed } from "./testing/bed.ts";
import { desiredLb, ip, node, settings, tcp, udp } from "./testing/values.ts";

interface Message {
  readonly fields: Readonly<Record<string, { readonly type: string; readonly rule?: string }>>;
  readonly nested?: Readonly<Record<string, { readonly values?: Readonly<Record<string, number>> }>>;
}

interface Tree {
  readonly nested?: Readonly<Record<string, Tree>>;
}

const messages = readMessages();

/** How the client calls what we make. */
const messageOf: Readonly<Record<Resource["kind"], string>> = {
  address: "Address",
  healthCheck: "HealthCheck",
  firewall: "Firewall",
  backendService: "BackendService",
  forwardingRule: "ForwardingRule",
  endpointGroup: "NetworkEndpointGroup",
  instanceGroup: "InstanceGroup",
};

const local = { externalTrafficPolicy: "Local" } as const;
const weighted = { annotations: { "berth.dev/weighted-nodes": "true", "berth.dev/network-tier": "Standard" } };
const both = { ports: [tcp(80), udp(53)] };
const dual = { families: ["IPv4", "IPv6"] } as const;

/** Wishes that together use every field and value there is. */
const wishes: readonly Partial<DesiredLoadBalancer>[] = [
  {},
  { ports: [udp(53)], ...dual },
  { ...both, ...local, ...weighted },
  { scheme: "internal", annotations: { "berth.dev/global-access": "true" }, ...dual, ...both },
  { scheme: "internal", ...local, annotations: { "berth.dev/weighted-nodes": "true" } },
  { ports: [80, 81, 82, 83, 84, 85].map(tcp) },
  { scheme: "internal", requestedAddresses: [ip("10.0.0.9")] },
  { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } },
];

function bodies(): readonly { readonly message: string; readonly body: object }[] {
  const modes = ["endpoint-groups", "instance-groups"] as const;
  return wishes.flatMap((changes) => {
    const actions: Action[] = [];
    for (const backends of modes) {
      const bed = new PlannerBed({ settings: { ...settings, backends }, onCommit: (action) => actions.push(action) });
      bed.converge({ lb: desiredLb(changes), nodes: [node("b1", "b", "10.0.0.1")] });
    }
    return actions.flatMap(bodiesOf);
  });
}

function bodiesOf(action: Action): readonly { readonly message: string; readonly body: object }[] {
  if (action.verb === "insert" || action.verb === "update") {
    const { kind, ...body } = action.resource;
    return [{ message: messageOf[kind], body }];
  }
  return action.verb === "attach"
    ? action.endpoints.map((body: Endpoint) => ({ message: "NetworkEndpoint", body }))
    : [];
}

/** What the client drops in silence, or sends as something else, would never be noticed on the wire. */
it.each([...Object.values(messageOf), "NetworkEndpoint"])(
  "the npm client knows every field and value of %s",
  (message) => {
    const own = bodies().filter((body) => body.message === message);
    expect(own.length).toBeGreaterThan(0);
    expect(own.flatMap(({ body }) => faults(message, body))).toEqual([]);
  },
);

it("uses every field and value of what it makes", () => {
  const texts = new Set(
    bodies().flatMap(({ message, body }) => Object.entries(body).map(([name, value]) => `${message}.${name}=${value}`)),
  );
  const used = (start: string): readonly string[] =>
    [...texts]
      .filter((text) => text.startsWith(start))
      .map((text) => text.slice(start.length))
      .sort();
  expect(used("BackendService.localityLbPolicy=")).toEqual(["WEIGHTED_GCP_RENDEZVOUS", "WEIGHTED_MAGLEV"]);
  expect(used("BackendService.protocol=")).toEqual(["TCP", "UDP", "UNSPECIFIED"]);
  expect(used("BackendService.sessionAffinity=")).toEqual(["CLIENT_IP", "NONE"]);
  expect(used("ForwardingRule.IPProtocol=")).toEqual(["L3_DEFAULT", "TCP", "UDP"]);
  expect(used("ForwardingRule.networkTier=")).toEqual(["PREMIUM", "STANDARD"]);
  expect(used("ForwardingRule.portRange=")).toEqual(["80-85"]);
  expect(used("Address.addressType=")).toEqual(["EXTERNAL", "INTERNAL"]);
  expect(used("Address.ipv6EndpointType=")).toEqual(["NETLB"]);
});

it.each<[string, object, string]>([
  ["a field that it does not know", { addresType: "EXTERNAL" }, "Address.addresType is unknown"],
  ["a value that it does not know", { addressType: "OUTSIDE" }, 'Address.addressType: "OUTSIDE" is unknown'],
  ["a list for a text", { name: ["a"] }, "Address.name is no list"],
  ["a text for a list", { users: "a" }, "Address.users is a list"],
  ["a number for a text", { name: 1 }, "Address.name is a string"],
])("this test finds %s", (_, body, fault) => {
  expect(faults("Address", body)).toEqual([fault]);
});

function readMessages(): Readonly<Record<string, Message>> {
  const require = createRequire(import.meta.url);
  const path = require.resolve("@google-cloud/compute/build/protos/protos.json");
  let tree: Tree | undefined = JSON.parse(readFileSync(path, "utf8")) as Tree;
  for (const name of ["google", "cloud", "compute", "v1"]) tree = tree?.nested?.[name];
  return tree?.nested as unknown as Readonly<Record<string, Message>>;
}

function faults(message: string, body: object): readonly string[] {
  const known = messages[message];
  if (known === undefined) return [`${message} is unknown`];
  return Object.entries(body).flatMap(([name, value]) => {
    const field = known.fields[name];
    const path = `${message}.${name}`;
    if (field === undefined) return [`${path} is unknown`];
    const isList = Array.isArray(value);
    if (isList !== (field.rule === "repeated")) return [`${path} is ${isList ? "no" : "a"} list`];
    const values: readonly unknown[] = isList ? value : [value];
    return values.flatMap((item) => valueFaults(known, field.type, name, item, path));
  });
}

function valueFaults(known: Message, type: string, name: string, value: unknown, path: string): readonly string[] {
  if (typeof value === "object" && value !== null) return faults(type, value);
  const wanted = ({ string: "string", bool: "boolean", int32: "number" } as Readonly<Record<string, string>>)[type];
  if (wanted !== kindOf(value)) return [`${path} is a ${type}`];
  const isKnown = enumOf(known, name)?.includes(String(value)) ?? true;
  return isKnown ? [] : [`${path}: ${JSON.stringify(value)} is unknown`];
}

/** Enumerations are texts in resources; that of a field lies beside it, called as the field. */
function enumOf({ nested = {} }: Message, field: string): readonly string[] | undefined {
  const name = `${field.charAt(0).toUpperCase()}${field.slice(1)}`;
  const found = nested[name]?.values ?? nested[`${name}Enum`]?.values;
  return found === undefined ? undefined : Object.keys(found);
}

function kindOf(value: unknown): string {
  return typeof value;
}
