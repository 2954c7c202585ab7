import { assertNever } from "../../src/base/index.ts";
import type { Call, Collection } from "./client.ts";
import type { Attempt } from "./errors.ts";
import { type Action, type Ref, type Resource, type ResourceKind, refOf, refText } from "./resources.ts";
import type { Settings } from "./settings.ts";

/** Where resources of a kind are, and how the client calls one and its content. */
interface Kind {
  readonly collection: Collection;
  readonly scope: "region" | "zone" | "network";
  readonly parameter: string;
  readonly body: string;
  /** As permissions call the collection. */
  readonly permission: string;
}

export const kinds: Readonly<Record<ResourceKind, Kind>> = {
  address: {
    collection: "addresses",
    scope: "region",
    parameter: "address",
    body: "addressResource",
    permission: "addresses",
  },
  healthCheck: {
    collection: "regionHealthChecks",
    scope: "region",
    parameter: "healthCheck",
    body: "healthCheckResource",
    permission: "regionHealthChecks",
  },
  firewall: {
    collection: "firewalls",
    scope: "network",
    parameter: "firewall",
    body: "firewallResource",
    permission: "firewalls",
  },
  backendService: {
    collection: "regionBackendServices",
    scope: "region",
    parameter: "backendService",
    body: "backendServiceResource",
    permission: "regionBackendServices",
  },
  forwardingRule: {
    collection: "forwardingRules",
    scope: "region",
    parameter: "forwardingRule",
    body: "forwardingRuleResource",
    permission: "forwardingRules",
  },
  endpointGroup: {
    collection: "networkEndpointGroups",
    scope: "zone",
    parameter: "networkEndpointGroup",
    body: "networkEndpointGroupResource",
    permission: "networkEndpointGroups",
  },
};

/** The resource that an action is about. */
export function targetOf(action: Action): Ref {
  switch (action.verb) {
    case "insert":
    case "update":
      return refOf(action.resource);
    case "delete":
      return action.ref;
    case "globalAccess":
      return { kind: "forwardingRule", name: action.rule };
    case "attach":
    case "detach":
      return { kind: "endpointGroup", name: action.group, zone: action.zone };
    default:
      return assertNever(action, "action");
  }
}

/** The request that an action is. `requestId`: sent again with the same one it does nothing twice. */
export function callOf(action: Action, settings: Settings, requestId: string): Call {
  const ref = targetOf(action);
  const kind = kinds[ref.kind];
  const { method, verb, content } = wordsOf(action, kind);
  const named = action.verb === "insert" ? {} : { [kind.parameter]: ref.name };
  return {
    kind: "write",
    collection: kind.collection,
    method,
    request: { ...placeOf(ref, settings), ...named, ...content, requestId },
    attempt: attemptOf(`${action.verb} ${refText(ref)}`, `compute.${kind.permission}.${verb}`, kind, settings),
  };
}

/** Reads how far an operation on this resource is. */
export function pollOf(ref: Ref, operation: string, settings: Settings): Call {
  const kind = kinds[ref.kind];
  const { collection, permission } = operationsOf[kind.scope];
  return {
    kind: "poll",
    collection,
    method: "get",
    request: { ...placeOf(ref, settings), operation },
    attempt: attemptOf(`poll ${refText(ref)}`, `compute.${permission}.get`, kind, settings),
  };
}

/** Lists all resources of a kind whose names fit the pattern, in all zones. */
export function listOf(kind: ResourceKind, pattern: string | undefined, settings: Settings): Omit<Call, "kind"> {
  const { collection, scope, permission } = kinds[kind];
  const method = scope === "zone" ? "aggregatedList" : "list";
  const place = scope === "zone" ? { project: settings.project } : placeOf({ kind, name: "" }, settings);
  const filter = pattern === undefined ? {} : { filter: `name eq "${pattern}"` };
  return {
    collection,
    method,
    request: { ...place, ...filter, maxResults: 500 },
    attempt: attemptOf(`list ${kind}s`, `compute.${permission}.list`, kinds[kind], settings),
  };
}

/** Lists what is in a group. */
export function endpointsOf({ name, zone }: Ref, settings: Settings): Omit<Call, "kind"> {
  const { project } = settings;
  const kind = kinds.endpointGroup;
  return {
    collection: kind.collection,
    method: "listNetworkEndpoints",
    request: {
      project,
      zone,
      networkEndpointGroup: name,
      networkEndpointGroupsListEndpointsRequestResource: {},
      maxResults: 500,
    },
    attempt: attemptOf(
      `list endpoints of ${name} in ${zone}`,
      "compute.networkEndpointGroups.listNetworkEndpoints",
      kind,
      settings,
    ),
  };
}

/** Reads what the probes of a backend service say of one of its groups. */
export function healthOf(backendService: string, group: string, settings: Settings): Call {
  const { project, region } = settings;
  const kind = kinds.backendService;
  return {
    kind: "read",
    collection: kind.collection,
    method: "getHealth",
    request: { project, region, backendService, resourceGroupReferenceResource: { group } },
    attempt: attemptOf(`health of ${backendService}`, "compute.regionBackendServices.get", kind, settings),
  };
}

const operationsOf = {
  region: { collection: "regionOperations", permission: "regionOperations" },
  zone: { collection: "zoneOperations", permission: "zoneOperations" },
  network: { collection: "globalOperations", permission: "globalOperations" },
} as const;

interface Words {
  readonly method: string;
  /** As permissions call it. */
  readonly verb: string;
  readonly content: Readonly<Record<string, unknown>>;
}

function wordsOf(action: Action, kind: Kind): Words {
  switch (action.verb) {
    case "insert":
      return { method: "insert", verb: "create", content: { [kind.body]: bodyOf(action.resource) } };
    case "update":
      return { method: "update", verb: "update", content: { [kind.body]: bodyOf(action.resource) } };
    case "globalAccess":
      return { method: "patch", verb: "update", content: { [kind.body]: { allowGlobalAccess: action.allow } } };
    case "delete":
      return { method: "delete", verb: "delete", content: {} };
    case "attach":
    case "detach": {
      const word = action.verb === "attach" ? "Attach" : "Detach";
      const method = `${action.verb}NetworkEndpoints`;
      const content = {
        [`networkEndpointGroups${word}EndpointsRequestResource`]: { networkEndpoints: action.endpoints },
      };
      return { method, verb: method, content };
    }
    default:
      return assertNever(action, "action");
  }
}

function bodyOf(resource: Resource): object {
  const { kind: _, ...body } = resource;
  if (resource.kind !== "endpointGroup") return body;
  const { zone: __, ...rest } = body as Omit<typeof resource, "kind">;
  return rest;
}

function placeOf({ kind, zone }: Ref, { project, region, networkProject }: Settings): Readonly<Record<string, string>> {
  switch (kinds[kind].scope) {
    case "region":
      return { project, region };
    case "network":
      return { project: networkProject };
    case "zone":
      if (zone === undefined) throw new Error(`a ${kind} is in a zone`);
      return { project, zone };
    default:
      return assertNever(kinds[kind].scope, "scope");
  }
}

function attemptOf(what: string, permission: string, { scope }: Kind, settings: Settings): Attempt {
  return { what, permission, project: scope === "network" ? settings.networkProject : settings.project };
}
