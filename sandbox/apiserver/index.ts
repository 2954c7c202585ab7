// An embedded Kubernetes API server that behaves as kube-apiserver 1.37.2 where a cluster that runs Services looks:
// objects in memory under one revision counter, list, watch, three patches, admission of Services with their
// addresses, garbage collection. Invariant: what is in the store has passed defaulting, allocation and validation.
// Who may do what is decided by roles and bindings (`access`). It has no admission plug-ins, no server-side apply and
// no protobuf.
import { type Clock, type Random, systemClock, systemRandom } from "../../src/base/index.ts";
import { type Cidr, type PortRange, parseIp } from "../../src/net/index.ts";
import { Access, type AccessListener, Authorizer, ServiceAccountTokens } from "./access/index.ts";
import { ServiceAddresses } from "./addresses.ts";
import { bootstrap, type Endpoint } from "./bootstrap.ts";
import { type Credentials, covers, createCredentials } from "./certificates.ts";
import { Collector } from "./collector.ts";
import { DefinitionController } from "./crd/index.ts";
import { writeFileAtomic } from "./file.ts";
import { Encoder } from "./http/encoder.ts";
import { Resources } from "./http/resources.ts";
import { Router } from "./http/router.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { type ListenAddress, type Listener, listen } from "./listener.ts";
import { Protobuf } from "./protobuf.ts";
import { Registry } from "./registry.ts";
import { Schemas } from "./schema.ts";
import { asService } from "./service/behaviour.ts";
import { loadSnapshot, type Snapshot, SnapshotWriter } from "./snapshot.ts";
import { Store } from "./store.ts";
import { TypeTable } from "./type-table.ts";
import { resourceTypes } from "./types/index.ts";

export type { ListenAddress } from "./listener.ts";

export interface ApiServerOptions {
  /** The first HTTPS address on TCP is the one in the kubeconfig; without one, the first HTTP address. */
  readonly listen: readonly ListenAddress[];
  /** One prefix, or one of each family; the first gives Services their default family. */
  readonly serviceCidrs: readonly Cidr[];
  readonly nodePorts: PortRange;
  /** More names and addresses in the serving certificate. */
  readonly tlsNames?: readonly string[];
  /** What the endpoints of `default/kubernetes` say; the first listen address by default. */
  readonly advertiseAddress?: string;
  /** Where the kubeconfig is written, if anywhere. */
  readonly kubeconfigFile?: string;
  /** Where objects and credentials outlive the process, if anywhere. */
  readonly stateFile?: string;
  /** How many changes per kind a watch may lag behind before it gets 410. */
  readonly historyLimit?: number;
  /** Told of every request that was allowed or refused. */
  readonly onAccess?: AccessListener;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface ApiServer extends AsyncDisposable {
  /** One per listen address, in their order. */
  readonly urls: readonly string[];
  readonly kubeconfig: string;
  /** PEM of the authority that signed the serving certificate. */
  readonly ca: string;
  readonly token: string;
  /** PEM of the key that signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
}

const ownNames = ["127.0.0.1", "::1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { clock = systemClock, random = systemRandom, historyLimit = 10_000 } = options;
  const addresses = new ServiceAddresses({ cidrs: options.serviceCidrs, nodePorts: options.nodePorts }, random);
  const snapshot = options.stateFile === undefined ? undefined : await loadSnapshot(options.stateFile);
  const names = certificateNames(options, addresses);
  const kept = snapshot !== undefined && covers(snapshot.credentials, names) ? snapshot.credentials : undefined;
  const credentials: Credentials = { ...(kept ?? (await createCredentials(names, clock))), ...keptSecrets(snapshot) };

  await using resources = new AsyncDisposableStack();
  const store = new Store(historyLimit, snapshot?.store);
  const schemas = Schemas.load();
  const types = new TypeTable(resourceTypes(addresses));
  const registry = new Registry({ store, schemas, clock, random });
  holdAddresses(store, addresses);
  resources.use(new DefinitionController(registry, types));
  resources.use(new Collector(registry, types));

  const urls: string[] = [];
  const protobuf = new Protobuf(schemas);
  const tokens = new ServiceAccountTokens(store, clock, credentials.serviceAccountKey);
  const access = new Access(new Authorizer(store), tokens, credentials.token, options.onAccess);
  const watching = { store, schemas, clock, random, encoder: new Encoder() };
  const router = new Router({
    types,
    schemas,
    resources: new Resources(registry, watching, protobuf, access),
    access,
    address: () => new URL(clientUrl(urls)).host,
  });
  const stop = new AbortController();
  const listeners: Listener[] = [];
  for (const address of options.listen) {
    const listener = await listen(address, credentials, (request) => router.handle(request), stop.signal);
    listeners.push(resources.use(listener));
    urls.push(listener.url);
  }
  resources.defer(() => stop.abort());

  bootstrap(registry, types.all, addresses, endpointOf(options, urls));
  const text = kubeconfig(clientUrl(urls), credentials);
  if (options.kubeconfigFile !== undefined) await writeFileAtomic("--kubeconfig-out", options.kubeconfigFile, text);
  if (options.stateFile !== undefined) {
    const writer = new SnapshotWriter(options.stateFile, store, credentials, clock);
    await writer.write();
    resources.use(writer);
  }
  const owned = resources.move();
  return {
    urls,
    kubeconfig: text,
    ca: credentials.ca,
    token: credentials.token,
    serviceAccountKey: credentials.serviceAccountKey,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A certificate that must be made anew leaves every token as it is: clients only need the new CA. */
function keptSecrets(snapshot: Snapshot | undefined): Partial<Credentials> {
  if (snapshot === undefined) return {};
  const { token, serviceAccountKey } = snapshot.credentials;
  return { token, serviceAccountKey };
}

function certificateNames(options: ApiServerOptions, addresses: ServiceAddresses): readonly string[] {
  const hosts = options.listen.flatMap((address) => (address.scheme === "unix" ? [] : [address.host]));
  const first = [...addresses.families].map((family) => addresses.firstAddress(family));
  const more = [...(options.tlsNames ?? []), options.advertiseAddress, ...first];
  const names = [...ownNames, ...hosts, ...more.filter((name) => name !== undefined)];
  return [...new Set(names)].filter((name) => name !== "0.0.0.0" && name !== "::");
}

/** Keeps the allocators at what the stored Services hold, from the start and with every write. */
function holdAddresses(store: Store, addresses: ServiceAddresses): void {
  for (const service of store.list("services")) addresses.hold(asService(service));
  store.subscribe("services", ({ before, object, deleted }) => {
    if (before !== undefined) addresses.release(asService(before));
    if (!deleted) addresses.hold(asService(object));
  });
}

/** Where clients are sent: HTTPS if there is any, as kubectl sends no token without it. */
function clientUrl(urls: readonly string[]): string {
  const byScheme = (scheme: string): string | undefined => urls.find((url) => url.startsWith(scheme));
  return byScheme("https:") ?? byScheme("http:") ?? "https://localhost";
}

function endpointOf({ advertiseAddress }: ApiServerOptions, urls: readonly string[]): Endpoint {
  const url = new URL(clientUrl(urls));
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const address = advertiseAddress ?? (parseIp(host) === undefined ? "127.0.0.1" : host);
  return { address, port: url.port === "" ? 443 : Number(url.port) };
}
