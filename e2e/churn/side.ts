import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertNever, errorMessage } from "../../src/base/index.ts";
import { type Exec, execOk } from "../../src/kernel/index.ts";
import { KubeApiError, KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { Child } from "../contract/child.ts";
import { kubectlPath } from "../contract/kubectl/run.ts";
import { Normaliser } from "../contract/normalise.ts";
import { kubeProxyArguments, kubeProxyPath } from "../kube-binaries/kube-proxy.ts";
import { bringApiServer, enterNetns, startNodeNamespace } from "../tools/node-namespace.ts";
import type { Operation } from "./operations.ts";
import { canonicalRules } from "./rules.ts";

/** The node that both kube-proxies serve. */
export const nodeName = "node-a";

/** What its Node object says, with prefixes. */
export const nodeAddresses: readonly string[] = ["192.0.2.11/24", "fd00:2::11/64"];

/** An API server, and kube-proxy on a node of its own: a network namespace where nothing else runs. */
export class Side implements AsyncDisposable {
  readonly name: string;
  readonly client: KubeClient;
  readonly #kubeconfig: string;
  readonly #home: string;
  readonly #inside: Exec;
  readonly #apiServer: { cut(): void };
  readonly #kubeProxy: Child;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    name: string,
    kubeconfig: string,
    client: KubeClient,
    node: { home: string; inside: Exec; apiServer: { cut(): void }; kubeProxy: Child },
    owned: AsyncDisposableStack,
  ) {
    this.name = name;
    this.client = client;
    this.#kubeconfig = kubeconfig;
    this.#home = node.home;
    this.#inside = node.inside;
    this.#apiServer = node.apiServer;
    this.#kubeProxy = node.kubeProxy;
    this.#owned = owned;
  }

  /** `name` becomes part of the name of the namespace. `prepare` makes what must be there before kube-proxy starts. */
  static async start(
    name: string,
    { kubeconfig }: { readonly kubeconfig: string },
    { exec, prepare, signal }: { exec: Exec; prepare: (client: KubeClient) => Promise<void>; signal: AbortSignal },
  ): Promise<Side> {
    await using stack = new AsyncDisposableStack();
    const home = await mkdtemp(join(tmpdir(), `berth-churn-${name}-`));
    stack.defer(() => rm(home, { recursive: true, force: true }));
    const connection = await loadKubeconfig(kubeconfig);
    const client = stack.use(new KubeClient({ connection, metrics: createMetrics() }));
    await prepare(client);

    const netns = `churn-${name}-${process.pid}`;
    const { exec: inside } = stack.use(await startNodeNamespace(exec, netns, nodeAddresses, signal));
    const apiServer = stack.use(await bringApiServer(netns, connection.server));
    const args = [...kubeProxyArguments(kubeconfig, nodeName), "--iptables-min-sync-period=100ms"];
    const kubeProxy = stack.use(enterNetns(netns, kubeProxyPath, args));
    return new Side(name, kubeconfig, client, { home, inside, apiServer, kubeProxy }, stack.move());
  }

  /** What its client sees of it. */
  async perform(operation: Operation, signal: AbortSignal): Promise<string> {
    switch (operation.kind) {
      case "kubectl":
        return await this.kubectl(operation.words, operation.stdin);
      case "request":
        return await this.#request(operation, signal);
      case "cut":
        this.#apiServer.cut();
        return "";
      default:
        return assertNever(operation, "operation");
    }
  }

  async kubectl(words: readonly string[], stdin = ""): Promise<string> {
    await using command = new Child(kubectlPath, words, {
      environment: { HOME: this.#home, KUBECONFIG: this.#kubeconfig, TZ: "UTC" },
      stdin,
    });
    const exit = await command.end(60_000);
    return answer(`${command.stdout}${command.stderr}exit code ${exit}\n`);
  }

  async #request({ method, path, body }: Operation & { kind: "request" }, signal: AbortSignal): Promise<string> {
    try {
      const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      await this.client.request({ method, path, body, contentType, signal });
      return "done";
    } catch (error) {
      if (error instanceof KubeApiError) return answer(errorMessage(error));
      throw error;
    }
  }

  /** The rules of both families, without what an allocator chose. */
  async rules(signal: AbortSignal): Promise<string> {
    if (!this.#kubeProxy.running) throw this.#kubeProxy.failure("ended");
    const saves = ["iptables-save", "ip6tables-save"].map((program) => execOk(this.#inside, program, [], { signal }));
    const [v4 = "", v6 = ""] = (await Promise.all(saves)).map((text) => new Normaliser().next()(canonicalRules(text)));
    return `# IPv4\n${v4}\n# IPv6\n${v6}\n`;
  }

  /** What kube-proxy has complained of so far: each kind of complaint once. */
  complaints(): ReadonlySet<string> {
    const lines = this.#kubeProxy.stderr.split("\n").filter((line) => /^[WEF]\d{4}/.test(line));
    return new Set(lines.map(complaint));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

/** Of two addresses that are both taken the real server names either: it tries them in the order of a Go map. */
const takenAddress = /failed to allocate IP \S+: provided IP is already allocated/g;

/** An answer without what an allocator chose and what chance decides. */
function answer(text: string): string {
  return new Normaliser().next()(text.replace(takenAddress, "an IP is already allocated"));
}

/** How a connection that was cut looks depends on what it did at that moment. */
const brokenConnection = /EOF|connection reset by peer|connection refused|client connection lost|broken pipe/;

function complaint(line: string): string {
  const [, text = ""] = /^\S+ \S+ +\d+ (.*)$/.exec(line) ?? [];
  return brokenConnection.test(text) ? "a connection broke" : text.replace(/\d+/g, "N");
}
