import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, withTimeout } from "../../src/base/index.ts";
import { type Exec, execOk } from "../../src/kernel/index.ts";
import { advanceSentinel, hasSentinel } from "../churn/sentinel.ts";
import { nodeAddresses, nodeName } from "../churn/side.ts";
import type { Child } from "../contract/child.ts";
import type { Page } from "../tools/fetch-all.ts";
import { type Flavour, type FlavourEnvironment, flavourEnvironment } from "../tools/iptables-flavour.ts";
import { bringApiServer, enterNetns, type NodeNamespace, startNodeNamespace } from "../tools/node-namespace.ts";
import type { Cluster } from "./cluster.ts";
import { differencesOf } from "./differences.ts";
import type { Justified } from "./justified.ts";
import { type Rules, readRules } from "./node-rules.ts";
import { type ProxyName, startProxy } from "./proxies.ts";

/** Far beyond what either needs: reaching it means that it never comes. */
const patienceMs = 60_000;
/** How long a difference may last when both know of every change: a Node comes by another watch than a Service. */
const doubtMs = 5_000;
const pollMs = 150;

/** A second address in the same network, one in another, and one more of IPv6. */
const moreAddresses = ["192.0.2.12/24", "198.18.5.1/24", "fd00:5::1/64"];

const fetchAll = new URL("../tools/fetch-all.ts", import.meta.url).pathname;

interface Proxy {
  readonly name: ProxyName;
  readonly node: NodeNamespace;
  readonly apiServer: { cut(): void };
  readonly environment: FlavourEnvironment;
  readonly child: Child;
}

/** kube-proxy on one node and the agent on another that is equal, with the same flags, beside one API server. */
export class Pair implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #proxies: readonly [kubeProxy: Proxy, agent: Proxy];
  readonly #owned: AsyncDisposableStack;
  #round = 0;

  private constructor(
    cluster: Cluster,
    proxies: readonly [kubeProxy: Proxy, agent: Proxy],
    owned: AsyncDisposableStack,
  ) {
    this.#cluster = cluster;
    this.#proxies = proxies;
    this.#owned = owned;
  }

  static async start(
    cluster: Cluster,
    { host, flavour, flags }: { host: Exec; flavour: Flavour; flags: readonly string[] },
    signal: AbortSignal,
  ): Promise<Pair> {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "berth-parity-"));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const start = async (name: ProxyName): Promise<Proxy> => {
      const netns = `parity-${name.replace(" ", "-")}-${process.pid}`;
      const node = stack.use(await startNodeNamespace(host, netns, [...nodeAddresses, ...moreAddresses], signal));
      const apiServer = stack.use(await bringApiServer(netns, cluster.server));
      const environment = flavourEnvironment(join(directory, name), flavour);
      const place = { netns, environment, kubeconfig: cluster.kubeconfig, node: nodeName };
      return { name, node, apiServer, environment, child: stack.use(startProxy(name, place, flags)) };
    };
    const proxies = await Promise.all([start("kube-proxy"), start("berth agent")]);
    return new Pair(cluster, proxies, stack.move());
  }

  /** What differs once both know of every change so far, beside what is justified. */
  async differences(justified: Justified, signal: AbortSignal): Promise<readonly string[]> {
    this.#round += 1;
    await this.#cluster.perform(advanceSentinel(this.#round), signal);
    using limit = withTimeout(signal, patienceMs, "the proxies");
    let doubtSince: number | undefined;
    let isRenewed = false;
    for (;;) {
      const rules = await Promise.all(this.#proxies.map((proxy) => this.#rules(proxy, signal)));
      const [kubeProxy, agent] = rules as [Rules, Rules];
      const late = this.#proxies.filter((_, i) => !hasSentinel(Object.values(rules[i] ?? {}).join("\n"), this.#round));
      const differences = differencesOf(kubeProxy, agent);
      const rest = justified.rest(differences);
      const [first] = late;
      if (first === undefined) {
        doubtSince ??= performance.now();
        if (rest.length > 0 && performance.now() - doubtSince > doubtMs && !isRenewed) {
          // kube-proxy misses its zone for ever when the Node comes between the making of the handler and its
          // registration (NodeTopologyConfig in 1.37.2); a change of the label tells it.
          await this.#cluster.renewTopology(signal);
          isRenewed = true;
          doubtSince = performance.now();
        } else if (rest.length === 0 || performance.now() - doubtSince > doubtMs) {
          justified.use(differences);
          return rest;
        }
      } else if (limit.signal.aborted) {
        throw first.child.failure(`has not caught up with round ${this.#round}`);
      }
      await sleep(pollMs, signal);
    }
  }

  /** Breaks the connections of both to the API server, so that their watches begin anew. */
  cut(): void {
    for (const { apiServer } of this.#proxies) apiServer.cut();
  }

  /** A setting of the kernel on both nodes. */
  sysctl(name: string, signal: AbortSignal): Promise<string[]> {
    return Promise.all(
      this.#proxies.map(async ({ node }) => (await execOk(node.exec, "sysctl", ["-n", name], { signal })).trim()),
    );
  }

  /** What pages of both show, each read on its own node. */
  async pages(urls: readonly string[]): Promise<readonly [kubeProxy: readonly Page[], agent: readonly Page[]]> {
    const read = async ({ node }: Proxy): Promise<readonly Page[]> => {
      await using child = enterNetns(node.netns, process.execPath, [fetchAll, ...urls]);
      if ((await child.end()) !== 0) throw child.failure("failed");
      return JSON.parse(child.stdout) as readonly Page[];
    };
    const [kubeProxy, agent] = this.#proxies;
    return await Promise.all([read(kubeProxy), read(agent)]);
  }

  async #rules({ child, node, environment }: Proxy, signal: AbortSignal): Promise<Rules> {
    if (!child.running) throw child.failure("ended");
    return await readRules(node.exec, environment, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}
