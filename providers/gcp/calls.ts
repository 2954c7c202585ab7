import { assertNever } from "../../src/base/index.ts";
import type { Call, Collection } from "./client.ts";
import type { Attempt } from "./errors.ts";
import { instanceLink } from "./links.ts";
import {
  type Action,
  type Endpoint,
  type Group,
  type Ref,
  type Resource,
  type ResourceKind,
  refText,
  targetOf,
} from "./resources.ts";
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
  instanceGroup: {
    collection: "instanceGroups",
    scope: "zone",
    parameter: "instanceGroup",
    body: "instanceGroupResource",
    permission: "instanceGroups",
  },
};

/** The request that an action is. `requestId`: sent again with the same one it does nothing twice. */
export function callOf(action: Action, settings: Settings, requestId: string): Call {
  const ref = targetOf(action);
  const kind = kinds[ref.kind];
  const { method, verb, content } = wordsOf(action, kind, settings);
  const named = action.verb === "insert" ? {} : { [kind.parameter]: ref.name };
  return {
    kind: "write",
    collection: kind.collection,
    method,
    request: { ...placeOf(ref, settings), ...named, ...content, requestId },
    attempt: attemptOf(`${action.verb} ${refText(ref)}`, `compute.${kind.permission}.${verb}`, ref, settings),
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
    attempt: attemptOf(`poll ${refText(ref)}`, `compute.${permission}.get`, ref, settings),
  };
}

/** Lists all resources of a kind whose names fit the pattern, or do not, in all zones. `project`: as in `Ref`. */
export function listOf(
  kind: ResourceKind,
  pattern: string | undefined,
  settings: Settings,
  { fits = "eq", project }: { readonly fits?: "eq" | "ne"; readonly project?: string } = {},
): Omit<Call, "kind"> {
  const { collection, scope, permission } = kinds[kind];
  const method = scope === "zone" ? "aggregatedList" : "list";
  const ref = { kind, ...(project !== undefined && { project }) };
  const place = scope === "zone" ? { project: settings.project } : placeOf(ref, settings);
  const filter = pattern === undefined ? {} : { filter: `name ${fits} "${pattern}"` };
  return {
    collection,
    method,
    request: { ...place, ...filter, maxResults: 500 },
    attempt: attemptOf(`list ${kind}s`, `compute.${permission}.list`, ref, settings),
  };
}

/** Lists what is in a group. */
export function membersOf(
  { kind, name, zone = "" }: Ref & Pick<Group, "kind">,
  settings: Settings,
): Omit<Call, "kind"> {
  const { method, content, verb } = listings[kind];
  const { collection, parameter, permission } = kinds[kind];
  return {
    collection,
    method,
    request: { project: settings.project, zone, [parameter]: name, ...content, maxResults: 500 },
    attempt: attemptOf(`list members of ${name} in ${zone}`, `compute.${permission}.${verb}`, { kind }, settings),
  };
}

const listings = {
  endpointGroup: {
    method: "listNetworkEndpoints",
    content: { networkEndpointGroupsListEndpointsRequestResource: {} },
    verb: "listNetworkEndpoints",
  },
  instanceGroup: {
    method: "listInstances",
    content: { instanceGroupsListInstancesRequestResource: { instanceState: "ALL" } },
    verb: "list",
  },
} as const;

/** Reads what the probes of a backend service say of one of its groups. */
export function healthOf(backendService: string, group: string, settings: Settings): Call {
  const { project, region } = settings;
  const kind = kinds.backendService;
  return {
    kind: "read",
    collection: kind.collection,
    method: "getHealth",
    request: { project, region, backendService, resourceGroupReferenceResource: { group } },
    attempt: attemptOf(
      `health of ${backendService}`,
      "compute.regionBackendServices.get",
      { kind: "backendService" },
      settings,
    ),
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

function wordsOf(action: Action, kind: Kind, settings: Settings): Words {
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
    case "detach":
      return action.kind === "endpointGroup" ? endpointWords(action) : instanceWords(action, settings);
    default:
      return assertNever(action, "action");
  }
}

interface Members {
  readonly verb: "attach" | "detach";
  readonly zone: string;
  readonly endpoints: readonly Endpoint[];
}

function endpointWords({ verb, endpoints }: Members): Words {
  const word = verb === "attach" ? "Attach" : "Detach";
  const method = `${verb}NetworkEndpoints`;
  const content = { [`networkEndpointGroups${word}EndpointsRequestResource`]: { networkEndpoints: endpoints } };
  return { method, verb: method, content };
}

function instanceWords({ verb, zone, endpoints }: Members, settings: Settings): Words {
  const word = verb === "attach" ? "Add" : "Remove";
  const instances = endpoints.map(({ instance }) => ({ instance: instanceLink(zone, instance, settings) }));
  const content = { [`instanceGroups${word}InstancesRequestResource`]: { instances } };
  return { method: `${word.toLowerCase()}Instances`, verb: "update", content };
}

function bodyOf(resource: Resource): object {
  const { kind: _, ...body } = resource;
  const { zone: __, project: ___, ...rest } = body as typeof body & Pick<Ref, "zone" | "project">;
  return rest;
}

function placeOf(ref: Pick<Ref, "kind" | "zone" | "project">, settings: Settings): Readonly<Record<string, string>> {
  const { kind, zone } = ref;
  const { project, region, networkProject } = settings;
  switch (kinds[kind].scope) {
    case "region":
      return { project, region };
    case "network":
      return { project: ref.project ?? networkProject };
    case "zone":
      if (zone === undefined) throw new Error(`a ${kind} is in a zone`);
      return { project, zone };
    default:
      return assertNever(kinds[kind].scope, "scope");
  }
}

function attemptOf(
  what: string,
  permission: string,
  { kind, project: other }: Pick<Ref, "kind" | "project">,
  { project, networkProject }: Settings,
): Attempt {
  return { what, permission, project: kinds[kind].scope === "network" ? (other ?? networkProject) : project };
}
