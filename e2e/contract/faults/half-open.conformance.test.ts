// In real time, with the times that ship: a peer that is gone without a word is noticed within 30 s over HTTP/2 and
// within 90 s over HTTP/1.1, and nobody asks the API server meanwhile. Needs root, for a network namespace.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { type Service, services } from "../../../src/api/index.ts";
import { onAbort, orAborted } from "../../../src/base/index.ts";
import { addNetns, applyNft, deleteNetns, execOk, ipBatch, netnsExec, systemExec } from "../../../src/kernel/index.ts";
import {
  KubeClient,
  type KubeConnection,
  loadKubeconfig,
  Reflector,
  Store,
  staticConnection,
} from "../../../src/kube/index.ts";
import { type Logger, nullLogger } from "../../../src/telemetry/index.ts";
import { Child } from "../child.ts";
import { serviceCidr } from "../target.ts";
import { plain } from "./history.ts";
import { patience } from "./rig.ts";

const main = new URL("../../../src/cli/main.ts", import.meta.url).pathname;
const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const exec = systemExec(environment);
const options = { signal: AbortSignal.timeout(240_000) };
const netns = `bt-half-open-${randomBytes(3).toString("hex")}`;
const cable = `bth${netns.slice(-6)}`;
const inside = netnsExec(exec, netns);
const address = { host: "198.18.213.1", server: "198.18.213.2" } as const;

const cut = `table inet cut {
  chain in { type filter hook input priority 0; policy drop; }
  chain out { type filter hook output priority 0; policy drop; }
}`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-half-open-"));
  await addNetns(exec, netns, options);
  await ipBatch(exec, [`link add ${cable} type veth peer name eth0 netns ${netns}`], options);
  await ipBatch(exec, [`address add ${address.host}/30 dev ${cable}`, `link set ${cable} up`], options);
  await ipBatch(inside, [`address add ${address.server}/30 dev eth0`, "link set eth0 up", "link set lo up"], options);
});
afterAll(async () => {
  await deleteNetns(exec, netns, options);
  await rm(folder, { recursive: true });
});

/** An API server process with a door that stays open when all others are shut: a unix socket. */
class Server implements AsyncDisposable {
  readonly child: Child;
  readonly kubeconfig: string;
  readonly #socket: string;

  constructor(name: string, host: string, prefix: readonly string[]) {
    this.kubeconfig = join(folder, `${name}.yaml`);
    this.#socket = join(folder, `${name}.sock`);
    const listen = [`${host}:0`, `http://${host}:0`, `unix:${this.#socket}`].flatMap((to) => ["--listen", to]);
    const flags = ["--service-cidr", serviceCidr, "--kubeconfig-out", this.kubeconfig, ...listen];
    const [program = "", ...args] = [...prefix, process.execPath, main, "apiserver", ...flags];
    this.child = new Child(program, args, { environment });
  }

  /** How clients reach it over TLS with HTTP/2, and in plain HTTP/1.1. */
  async connection(protocol: "http/2" | "http/1.1"): Promise<KubeConnection> {
    await this.child.ready(({ stdout }) => stdout.includes("ready "));
    if (protocol === "http/2") return await loadKubeconfig(this.kubeconfig);
    const url = this.child.stdout.split(/\s/).find((word) => word.startsWith("http:")) ?? "";
    return staticConnection(url, { headers: { authorization: `Bearer ${await this.#token()}` } });
  }

  async create(name: string): Promise<void> {
    const object = { metadata: { name }, spec: { ports: [{ port: 80 }] } };
    await this.#call("POST", "", JSON.stringify(object));
  }

  async delete(name: string): Promise<void> {
    await this.#call("DELETE", `/${name}`);
  }

  async list(): Promise<Service[]> {
    const { items } = JSON.parse(await this.#call("GET", "")) as { items: Service[] };
    return items.map((item) => ({ apiVersion: "v1", kind: "Service", ...item }));
  }

  async #call(method: string, path: string, body?: string): Promise<string> {
    const url = `https://localhost/api/v1/namespaces/default/services${path}`;
    const headers = [`authorization: Bearer ${await this.#token()}`, "content-type: application/json"];
    const args = ["-sSfk", "--unix-socket", this.#socket, "-X", method, ...headers.flatMap((h) => ["-H", h]), url];
    return await execOk(exec, "curl", [...args, ...(body === undefined ? [] : ["-d", body])], options);
  }

  async #token(): Promise<string> {
    return parse(await readFile(this.kubeconfig, "utf8")).users[0].user.token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

/** A client that counts what it sends, and tells when a watch of it failed. */
class Watcher implements AsyncDisposable {
  readonly store: Store<Service> = new Store({ kind: "Service", logger: nullLogger, metrics: new Registry() });
  /** Every request asks for credentials right before it is sent. */
  requests = 0;
  readonly #stop = new AbortController();
  readonly #client: KubeClient;
  readonly #running: Promise<void>;
  #onFailure: () => void = () => {};

  constructor({ server, credentials }: KubeConnection) {
    const connection: KubeConnection = {
      server,
      credentials: (renew) => {
        this.requests += 1;
        return credentials(renew);
      },
    };
    const metrics = new Registry();
    this.#client = new KubeClient({ connection, metrics });
    const logger: Logger = { ...nullLogger, warn: () => this.#onFailure(), with: () => logger };
    const { store } = this;
    const reflector = new Reflector({
      client: this.#client,
      resource: services,
      namespace: "default",
      store,
      logger,
      metrics,
    });
    this.#running = reflector.run(this.#stop.signal);
  }

  /** How many seconds from now until a watch is found broken, and how many requests were sent till then. */
  async failure(signal: AbortSignal): Promise<{ seconds: number; requests: number }> {
    const start = performance.now();
    const { requests } = this;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onFailure = resolve;
    await orAborted(promise, signal);
    return { seconds: (performance.now() - start) / 1000, requests: this.requests - requests };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the test is over"));
    await this.#running;
    await this.#client[Symbol.asyncDispose]();
  }
}

/** How a server vanishes, and comes back. */
interface Loss {
  readonly name: string;
  start(name: string): Server;
  readonly vanish: (server: Server) => Promise<void>;
  readonly comeBack: (server: Server) => Promise<void>;
  /** Whether the world goes on meanwhile. */
  readonly isAlive: boolean;
}

const losses: readonly Loss[] = [
  {
    name: "a server that is stopped",
    start: (name) => new Server(name, "127.0.0.1", []),
    vanish: async ({ child }) => child.signal("SIGSTOP"),
    comeBack: async ({ child }) => child.signal("SIGCONT"),
    isAlive: false,
  },
  {
    name: "a route that is dropped",
    start: (name) => new Server(name, address.server, ["ip", "netns", "exec", netns]),
    vanish: async () => await applyNft(inside, cut, options),
    comeBack: async () => await applyNft(inside, "delete table inet cut", options),
    isAlive: true,
  },
];

const limits = { "http/2": 30, "http/1.1": 90 } as const;
const protocols = ["http/2", "http/1.1"] as const;

describe.concurrent("notices, without asking,", () => {
  it.concurrent.for(losses)("$name", async ({ name, start, vanish, comeBack, isAlive }, { annotate }) => {
    await using server = start(name.replaceAll(" ", "-"));
    await using stack = new AsyncDisposableStack();
    const watchers = await Promise.all(
      protocols.map(async (protocol) => ({
        protocol,
        watcher: stack.use(new Watcher(await server.connection(protocol))),
      })),
    );
    await Promise.all(watchers.map(({ watcher }) => watcher.store.synced));
    await server.create("before");
    const equal = async (): Promise<void> => {
      const expected = byName(await server.list());
      for (const { watcher } of watchers)
        await vi.waitFor(() => expect(byName(watcher.store.list())).toEqual(expected), patience);
    };
    await equal();

    const limit = AbortSignal.timeout(120_000);
    using _ = onAbort(limit, () => void comeBack(server));
    const failures = watchers.map(async ({ protocol, watcher }) => ({ protocol, ...(await watcher.failure(limit)) }));
    await vanish(server);
    if (isAlive) {
      await server.create("meanwhile");
      await server.delete("before");
    }
    const seen = await Promise.all(failures);
    await annotate(seen.map(({ protocol, seconds }) => `${name}, ${protocol}: ${seconds.toFixed(1)} s`).join("; "));
    for (const { protocol, seconds, requests } of seen) {
      expect(requests).toBe(0);
      expect(seconds).toBeLessThan(limits[protocol]);
    }

    await comeBack(server);
    await server.create("after");
    await equal();
  });
});

function byName(objects: readonly Service[]): unknown[] {
  return objects.map(plain).toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

function nameOf(object: unknown): string {
  return (object as Service).metadata.name ?? "";
}
