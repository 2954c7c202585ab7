// The npm client, with what it does otherwise than one would think set right: it is loaded late and in parts (all of it
// takes 250 MB), it tries nothing again by itself, an error with details does not make it read 12 MB of definitions
// (300 ms in which nothing else runs), a list is read page by page, and what it answers is plain data.
import type { GoogleAuth, protobuf } from "google-gax";
import { ProviderError, type RequestKind, type Requests } from "../../src/provider/index.ts";
import { type Attempt, type Failure, providerError } from "./errors.ts";
import { failureOfAnswer } from "./failures.ts";

/** One part of the API. */
export type Collection =
  | "addresses"
  | "regionHealthChecks"
  | "firewalls"
  | "regionBackendServices"
  | "forwardingRules"
  | "networkEndpointGroups"
  | "instanceGroups"
  | "regionOperations"
  | "zoneOperations"
  | "globalOperations";

export interface Call {
  readonly kind: RequestKind;
  readonly collection: Collection;
  /** As the client calls it: `insert`, `list`, `attachNetworkEndpoints`. */
  readonly method: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly attempt: Attempt;
}

/** An answer of the API: fields that are not set are absent, or empty where they are lists or maps. */
export type Answer = Readonly<Record<string, unknown>>;

interface Init {
  readonly method?: string;
  readonly body?: string;
  readonly validateStatus?: (status: number) => boolean;
}

type Fetch = (url: string, init: Init) => Promise<Response>;

/** The answer was a refusal. */
class Refusal extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What all clients have, whichever part of the API theirs is. */
interface Part {
  /** By method; those of lists take any of them page by page. */
  readonly innerApiCalls: Readonly<Record<string, (request: object, options: object) => Promise<readonly unknown[]>>>;
  initialize(): Promise<unknown>;
}

type Library = typeof import("google-gax");

interface ClientSetup {
  readonly [option: string]: object | string | number | undefined;
  readonly auth: GoogleAuth;
  readonly apiEndpoint?: string;
  readonly port?: number;
  readonly protocol?: string;
}

/** Exact paths: the package's own entry loads three versions of the API and 31 MB of code for gRPC. */
const loaders: Readonly<Record<Collection, () => Promise<new (options: ClientSetup, library: Library) => object>>> = {
  addresses: async () => (await import("@google-cloud/compute/build/src/v1/addresses_client.js")).AddressesClient,
  regionHealthChecks: async () =>
    (await import("@google-cloud/compute/build/src/v1/region_health_checks_client.js")).RegionHealthChecksClient,
  firewalls: async () => (await import("@google-cloud/compute/build/src/v1/firewalls_client.js")).FirewallsClient,
  regionBackendServices: async () =>
    (await import("@google-cloud/compute/build/src/v1/region_backend_services_client.js")).RegionBackendServicesClient,
  forwardingRules: async () =>
    (await import("@google-cloud/compute/build/src/v1/forwarding_rules_client.js")).ForwardingRulesClient,
  networkEndpointGroups: async () =>
    (await import("@google-cloud/compute/build/src/v1/network_endpoint_groups_client.js")).NetworkEndpointGroupsClient,
  instanceGroups: async () =>
    (await import("@google-cloud/compute/build/src/v1/instance_groups_client.js")).InstanceGroupsClient,
  regionOperations: async () =>
    (await import("@google-cloud/compute/build/src/v1/region_operations_client.js")).RegionOperationsClient,
  zoneOperations: async () =>
    (await import("@google-cloud/compute/build/src/v1/zone_operations_client.js")).ZoneOperationsClient,
  globalOperations: async () =>
    (await import("@google-cloud/compute/build/src/v1/global_operations_client.js")).GlobalOperationsClient,
};

/**
 * Retries are the controller's business, and so is the time limit: its signal ends the request. A limit of the client's
 * own would keep each request and its answer in memory until that time has come, long after they are over.
 */
const callOptions = { retry: null, timeout: Number.POSITIVE_INFINITY, autoPaginate: false } as const;
const scopes = ["https://www.googleapis.com/auth/compute"];

/** All parts of the API that are used, on one set of credentials. */
export type Connection = ReadonlyMap<Collection, Part>;

/**
 * Loads what is needed of the npm client, which takes a second and blocks the process for parts of it. `endpoint`: where
 * the API is, if not where Google has it; over plain http it gets no credentials.
 */
export async function connect(endpoint?: URL): Promise<Connection> {
  const auth = await credentials(endpoint?.protocol !== "http:");
  const options = { auth, ...(endpoint !== undefined && placeOf(endpoint)) };
  const library = await frugalLibrary();
  const parts = new Map<Collection, Part>();
  for (const [name, load] of Object.entries(loaders)) {
    const part = new (await load())(options, library) as Part;
    parts.set(name as Collection, part);
    await part.initialize();
  }
  return parts;
}

/** Sends requests through the controller's own door. */
export class ComputeClient {
  readonly #connection: Connection;
  readonly #requests: Requests;

  constructor(connection: Connection, requests: Requests) {
    this.#connection = connection;
    this.#requests = requests;
  }

  /** Sends one request. Throws a ProviderError for what was refused. */
  async call({ kind, collection, method, request, attempt }: Call, signal: AbortSignal): Promise<Answer> {
    const send = this.#connection.get(collection)?.innerApiCalls[method];
    if (send === undefined) throw new Error(`the client has no ${collection}.${method}`);
    return await this.#requests.send(kind, attempt.what, signal, async (limited) => {
      try {
        const [answer, , page] = await send(request, { ...callOptions, signal: limited });
        return withoutMarkers(page ?? answer) as Answer;
      } catch (error) {
        throw errorOf(error, attempt);
      }
    });
  }

  /** All that a list has, each page by a request of its own. */
  async list(call: Omit<Call, "kind">, signal: AbortSignal): Promise<readonly Answer[]> {
    const pages: Answer[] = [];
    for (let pageToken: unknown; ; ) {
      const request = { ...call.request, ...(pageToken !== undefined && { pageToken }) };
      const page = await this.call({ ...call, kind: "read", request }, signal);
      pages.push(page);
      pageToken = page["nextPageToken"];
      if (pageToken === undefined || pageToken === "") return pages;
    }
  }
}

/** Whether nobody knows what became of a request: it may have been obeyed. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof ProviderError)) return true;
  const { cause } = error;
  return !(cause instanceof Refusal) || cause.failure.status >= 500;
}

/**
 * Tells of a refusal itself, before the client tries to. 401 goes the client's way: it may be that a token has to be
 * fetched anew.
 */
async function credentials(real: boolean): Promise<GoogleAuth> {
  const { GoogleAuth, PassThroughClient } = (await import("google-gax")).default.googleAuthLibrary;
  const auth = new GoogleAuth(real ? { scopes } : { authClient: new PassThroughClient() });
  const send = auth.fetch.bind(auth) as unknown as Fetch;
  const fetch: Fetch = async (url, init) => {
    const response = await send(url, { ...unfilled(init), validateStatus: (status: number) => status !== 401 });
    if (response.ok) return response;
    const retryAfter = response.headers.get("retry-after") ?? undefined;
    throw new Refusal(failureOfAnswer(response.status, await response.text(), retryAfter));
  };
  return Object.assign(auth, { fetch });
}

/** A patch without what nobody asked to change: the client adds each map that a resource may have, and empties it so. */
function unfilled(init: Init): Init {
  if (init.method !== "PATCH" || init.body === undefined) return init;
  const fields = Object.entries(JSON.parse(init.body) as object);
  const isEmpty = (value: unknown): boolean =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return { ...init, body: JSON.stringify(Object.fromEntries(fields.filter(([, value]) => !isEmpty(value)))) };
}

/**
 * What the clients are built on, made to read the definitions of this one version of the API and only once: by itself
 * each client hashes those of three versions, and all are kept (100 MB more).
 */
async function frugalLibrary(): Promise<Library> {
  const gax = (await import("google-gax")).default;
  const { GrpcClient, protobuf } = gax.fallback;
  let known: protobuf.Root | undefined;
  class FrugalClient extends GrpcClient {
    override loadProtoJSON(definitions: protobuf.INamespace): protobuf.Root {
      known ??= protobuf.Root.fromJSON(onlyVersion("v1", definitions, ["google", "cloud", "compute"]));
      return known;
    }
  }
  return { ...gax, fallback: { ...gax.fallback, GrpcClient: FrugalClient } };
}

/** The definitions without what lies beside the version at the end of the path. */
function onlyVersion(
  version: string,
  { nested = {}, ...rest }: protobuf.INamespace,
  [name, ...path]: readonly string[],
): protobuf.INamespace {
  const [kept, inner] =
    name === undefined ? [version, nested[version]] : [name, onlyVersion(version, nested[name] ?? {}, path)];
  const beside = name === undefined ? {} : nested;
  return { ...rest, nested: { ...beside, [kept]: inner ?? {} } };
}

function placeOf({ protocol, hostname, port }: URL): { apiEndpoint: string; port: number; protocol: string } {
  const scheme = protocol.slice(0, -1);
  return { apiEndpoint: hostname, port: Number(port) || (scheme === "http" ? 80 : 443), protocol: scheme };
}

/** What came of a request that got no answer, or one that says no. */
function errorOf(error: unknown, attempt: Attempt): ProviderError {
  const { cause, message } = error as Error;
  if (cause instanceof Refusal) return providerError(cause.failure, attempt, cause);
  const { status } = (cause ?? {}) as { readonly status?: unknown };
  // Whoever gives tokens says so: of the API's own refusals only 401 comes this way.
  if (typeof status === "number" && status < 500)
    return new ProviderError(
      {
        kind: "blocked",
        reason: "CredentialsRefused",
        remedy: "give the controller credentials that Google Cloud takes",
      },
      `${attempt.what}: ${message}`,
      { cause },
    );
  return providerError({ status: 0, reasons: [], message }, attempt, cause ?? error);
}

/** Without the client's own marks of which optional fields are set. */
function withoutMarkers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarkers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (key.startsWith("_") ? [] : [[key, withoutMarkers(item)]])),
  );
}
