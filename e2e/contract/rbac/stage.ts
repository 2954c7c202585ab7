import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Registry } from "prom-client";
import { parse, stringify } from "yaml";
import { keepMachine } from "../../../sandbox/cluster/components.ts";
import { loadDefinitions } from "../../../sandbox/cluster/definitions.ts";
import { balancerDir, claimRun, type Run } from "../../../sandbox/cluster/registry.ts";
import { startRelay } from "../../../sandbox/cluster/relay.ts";
import {
  accountToken,
  loadShippedRoles,
  type RoleOwner,
  roleOwners,
  writeTokenKubeconfig,
} from "../../../sandbox/cluster/service-accounts.ts";
import { removeRun, runMark } from "../../../sandbox/cluster/sweep.ts";
import { systemRandom } from "../../../src/base/index.ts";
import { ipBatch, netnsExec, netnsPath, systemExec } from "../../../src/kernel/index.ts";
import type { TlsCredentials } from "../../../src/kube/connection.ts";
import { KubeClient, loadKubeconfig, staticConnection } from "../../../src/kube/index.ts";
import { Child } from "../child.ts";
import type { ControlPlane } from "../target.ts";

const path = "/usr/sbin:/usr/bin:/sbin:/bin";
const main = new URL("../../../src/cli/main.ts", import.meta.url).pathname;
const relayProgram = new URL("../relay-main.ts", import.meta.url).pathname;
const { signal } = new AbortController();

/** An API server that has the shipped roles, with an administrator's client, and a network for agent and controller. */
export class Stage implements AsyncDisposable {
  readonly admin: KubeClient;
  readonly #server: string;
  readonly #tls: TlsCredentials;
  readonly #run: Run;
  readonly #stack: AsyncDisposableStack;

  private constructor(admin: KubeClient, server: string, tls: TlsCredentials, run: Run, stack: AsyncDisposableStack) {
    this.admin = admin;
    this.#server = server;
    this.#tls = tls;
    this.#run = run;
    this.#stack = stack;
  }

  static async open({ kubeconfig }: ControlPlane): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const exec = systemExec({ PATH: path });
    const run = await claimRun(systemRandom);
    stack.defer(() => removeRun(exec, run, AbortSignal.timeout(30_000)));
    const connection = await loadKubeconfig(kubeconfig);
    const admin = stack.use(new KubeClient({ connection, metrics: new Registry() }));
    await loadShippedRoles(admin, signal);
    await loadDefinitions(admin, signal);

    const [fabric, node] = [`berth-${run.id}-fabric`, `berth-${run.id}-node`];
    await ipBatch(exec, [`netns add ${fabric}`, `netns add ${node}`], { signal });
    await ipBatch(netnsExec(exec, fabric), ["link add br0 type bridge", "link set br0 up"], { signal });
    await ipBatch(netnsExec(exec, node), ["link set lo up"], { signal });
    const socket = join(run.dir, "api.sock");
    const { hostname: host, port } = new URL(connection.server);
    stack.use(await startRelay({ host, port: Number(port) }, { path: socket }));
    const inside = [`--net=${netnsPath(node)}`, "--", process.execPath, relayProgram, socket];
    const relay = stack.use(new Child("nsenter", inside, { environment: { PATH: path, ...runMark(run.id) } }));
    await relay.ready(({ stdout }) => stdout.endsWith("\n"));

    const nodeKubeconfig = join(run.dir, "node.kubeconfig");
    await readdressed(kubeconfig, nodeKubeconfig, `https://127.0.0.1:${relay.stdout.trim()}`);
    const bases: Readonly<Record<RoleOwner, string>> = { agent: nodeKubeconfig, controller: kubeconfig };
    for (const owner of roleOwners)
      await writeTokenKubeconfig(
        bases[owner],
        join(run.dir, `${owner}.kubeconfig`),
        await accountToken(admin, owner, signal),
      );
    const { tls } = await connection.credentials();
    return new Stage(admin, connection.server, tls, run, stack.move());
  }

  /** The real `berth agent` as its service account. */
  agent(): Child {
    const netns = `--net=${netnsPath(`berth-${this.#run.id}-node`)}`;
    return this.#start("nsenter", [
      netns,
      "--",
      process.execPath,
      main,
      "agent",
      ...this.#access("agent"),
      "--node-name=node-a",
      ...keepMachine,
    ]);
  }

  /** The real `berth agent uninstall` or `berth controller uninstall`, as the hook of the chart. */
  uninstall(owner: RoleOwner): Child {
    if (owner === "controller") return this.#controller(["uninstall", "--deployment=berth-controller"], []);
    const netns = `--net=${netnsPath(`berth-${this.#run.id}-node`)}`;
    const kubeconfig = `--kubeconfig=${join(this.#run.dir, "agent.kubeconfig")}`;
    return this.#start("nsenter", [netns, "--", process.execPath, main, "agent", "uninstall", kubeconfig]);
  }

  /** The real `berth controller` as its service account. */
  controller(...flags: readonly string[]): Child {
    return this.#controller([], flags);
  }

  #controller(words: readonly string[], flags: readonly string[]): Child {
    return this.#start(process.execPath, [
      main,
      "controller",
      ...words,
      ...this.#access("controller"),
      "--providers=proxy,node",
      "--own-unclassed",
      "--address-pool=10.99.200.0/24",
      `--state-dir=${balancerDir(this.#run)}`,
      `--proxy-netns=berth-${this.#run.id}-fabric`,
      "--proxy-bridge=br0",
      "--proxy-network=10.99.0.0/16",
      "--metrics-bind-address=127.0.0.1:0",
      "--health-bind-address=127.0.0.1:0",
      "--leader-elect-lease-duration=3s",
      "--leader-elect-renew-deadline=2s",
      "--leader-elect-retry-period=500ms",
      ...flags,
    ]);
  }

  /** The token of a service account. */
  async token(owner: RoleOwner): Promise<string> {
    return await readFile(join(this.#run.dir, `${owner}.kubeconfig.token`), "utf8");
  }

  /** A client for whom a token speaks. */
  clientBy(token: string): KubeClient {
    const headers = { authorization: `Bearer ${token}` };
    const connection = staticConnection(this.#server, { tls: this.#tls, headers });
    return this.#stack.use(new KubeClient({ connection, metrics: new Registry() }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #access(owner: RoleOwner): readonly string[] {
    return [`--kubeconfig=${join(this.#run.dir, `${owner}.kubeconfig`)}`, "--log-level=debug"];
  }

  #start(program: string, args: readonly string[]): Child {
    return this.#stack.use(new Child(program, args, { environment: { PATH: path, ...runMark(this.#run.id) } }));
  }
}

async function readdressed(from: string, to: string, server: string): Promise<void> {
  const config = parse(await readFile(from, "utf8")) as { clusters: { cluster: object }[] };
  config.clusters = config.clusters.map((each) => ({ ...each, cluster: { ...each.cluster, server } }));
  await writeFile(to, stringify(config), { mode: 0o600 });
}
