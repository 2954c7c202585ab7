// One Service under real controllers that are killed with SIGKILL after a step that shows outside: a program that changes
// something, or a write that the API server has answered. Whoever comes after must reach the same end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { copyKubeconfig, type Program, type Sandbox } from "../../sandbox/cluster/index.ts";
import { listNetns, systemExec } from "../../src/kernel/index.ts";
import { nullLogger } from "../../src/telemetry/index.ts";
import { eventually, patienceMs, serviceView, startCluster } from "../scenarios/cluster.ts";
import { addressesIn, outsideOf } from "../scenarios/outside.ts";
import { isRead, startApiProxy } from "../tools/api-proxy.ts";
import { ProviderPrograms } from "../tools/provider-programs.ts";

export interface End {
  readonly ports: readonly number[];
  readonly address?: string;
}

export interface CrashBenchOptions {
  /** 1 or more; those beyond the first stand by. */
  readonly controllers: number;
  readonly args: readonly string[];
}

export class CrashBench implements AsyncDisposable {
  readonly #sandbox: Sandbox;
  readonly #controllers: readonly Program[];
  readonly #programs: ProviderPrograms;
  readonly #owned: AsyncDisposableStack;

  private constructor(sandbox: Sandbox, programs: ProviderPrograms, owned: AsyncDisposableStack) {
    this.#sandbox = sandbox;
    this.#controllers = [sandbox.controller, ...sandbox.rivals];
    this.#programs = programs;
    this.#owned = owned;
  }

  /** Resolves when the controllers were started. */
  static async start({ controllers, args }: CrashBenchOptions): Promise<CrashBench> {
    await using stack = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), "berth-e2e-"));
    stack.defer(() => rmSync(directory, { recursive: true, force: true }));
    const programs = new ProviderPrograms(directory);
    const kubeconfigs = Array.from({ length: controllers }, (_, i) => join(directory, `kubeconfig-${i}`));
    const [first, ...others] = kubeconfigs.map((file) => ({
      args: [`--kubeconfig=${file}`, ...args],
      path: programs.path,
    }));
    const sandbox = stack.use(
      await startCluster({
        nodes: 1,
        components: { agents: false, controller: false },
        controllerArgs: first?.args ?? [],
        controllerPath: programs.path,
        rivals: others,
        // That controllers end by themselves is what this is about.
        logger: nullLogger,
      }),
    );
    const bench = new CrashBench(sandbox, programs, stack.move());
    for (const [i, file] of kubeconfigs.entries()) await bench.#serveApi(bench.#controllers[i], file);
    await bench.#startAll();
    return bench;
  }

  /** Does something to the Service and has a controller killed after so many steps; false when it was not, as all was done. */
  async cell(limit: number, act: () => Promise<unknown>, end: End | undefined): Promise<boolean> {
    this.#programs.arm(limit);
    await act();
    await eventually(async () => {
      if (!this.#programs.struck) await this.#expectEnd(end);
    });
    const { struck } = this.#programs;
    if (struck) await eventually(async () => expect(this.#running.length).toBeLessThan(this.#controllers.length));
    await this.#end(end);
    this.#programs.disarm();
    await this.#startAll();
    return struck;
  }

  /** The same without a kill. */
  async whole(act: () => Promise<unknown>, end: End | undefined): Promise<void> {
    this.#programs.disarm();
    await act();
    await this.#end(end);
  }

  create(): Promise<string> {
    const spec = { type: "LoadBalancer", ipFamilyPolicy: "SingleStack", selector: { app: "web" }, ports: [portOf(80)] };
    const service = { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec };
    return this.#sandbox.kubectl(["apply", "-f", "-"], JSON.stringify(service));
  }

  setPorts(ports: readonly number[]): Promise<string> {
    return this.patch({ spec: { ports: ports.map(portOf) } });
  }

  patch(body: object): Promise<string> {
    return this.#sandbox.kubectl(["patch", "service", "web", "--type=merge", "-p", JSON.stringify(body)]);
  }

  delete(): Promise<string> {
    return this.#sandbox.kubectl(["delete", "service", "web", "--wait=false"]);
  }

  async address(): Promise<string> {
    return (await serviceView(this.#sandbox, "web")).status.loadBalancer.ingress?.[0]?.ip ?? "";
  }

  /** Kills, step after step, the one that creates the Service and the one that deletes it. Returns how many cells that were. */
  async createAndDelete(): Promise<{ create: number; delete: number }> {
    const cells = { create: 0, delete: 0 };
    const open = new Set(["create", "delete"]);
    for (let limit = 1; open.size > 0; limit++) {
      if (await this.cell(limit, () => this.create(), { ports: [80] })) cells.create++;
      else open.delete("create");
      const { namespaces } = await outsideOf(this.#sandbox);
      if (await this.cell(limit, () => this.delete(), undefined)) cells.delete++;
      else open.delete("delete");
      const left = await listNetns(systemExec(process.env), { signal: AbortSignal.timeout(patienceMs) });
      expect(left.filter((name) => namespaces.includes(name))).toEqual([]);
    }
    return cells;
  }

  get #running(): readonly Program[] {
    return this.#controllers.filter(({ pid }) => pid !== undefined);
  }

  async #startAll(): Promise<void> {
    for (const program of this.#controllers) if (program.pid === undefined) await program.start();
  }

  /** Nothing leaked, nothing doubled: what there is outside is what the one Service needs, or nothing. */
  async #end(end: End | undefined): Promise<void> {
    await eventually(async () => {
      // A standby does it alone; else the one that was killed comes back.
      if (this.#running.length === 0) await this.#startAll();
      await this.#expectEnd(end);
    });
  }

  async #expectEnd(end: End | undefined): Promise<void> {
    const count = end === undefined ? 0 : 1;
    const { items } = JSON.parse(await this.#sandbox.kubectl(["get", "services", "-o", "json"])) as {
      items: { metadata: { name: string } }[];
    };
    expect(items.filter(({ metadata }) => metadata.name === "web").length).toBe(count);
    const outside = await outsideOf(this.#sandbox);
    expect({ ...outside, namespaces: outside.namespaces.length }).toEqual({
      plugs: count,
      namespaces: count,
      processes: count,
    });
    if (end !== undefined) await this.#expectService(end, outside.namespaces);
  }

  async #expectService({ ports, address }: End, namespaces: readonly string[]): Promise<void> {
    const { metadata, status } = await serviceView(this.#sandbox, "web");
    const ingress = status.loadBalancer.ingress as { ip: string; ports: { port: number }[] }[] | undefined;
    expect(ingress?.map((entry) => entry.ports.map(({ port }) => port))).toEqual([ports]);
    if (address !== undefined) expect(ingress?.[0]?.ip).toBe(address);
    expect(metadata.finalizers?.length).toBe(new Set(metadata.finalizers).size);
    expect(metadata.finalizers).toContain("service.kubernetes.io/load-balancer-cleanup");
    expect(status.conditions?.find(({ type }) => type === "berth.dev/Programmed")?.status).toBe("True");
    expect(await addressesIn(namespaces)).toEqual([ingress?.[0]?.ip]);
  }

  /** Stands before the API server for one controller; kills it before it hears that its write was done. */
  async #serveApi(controller: Program | undefined, kubeconfig: string): Promise<void> {
    const { runDir } = this.#sandbox;
    const proxy = this.#owned.use(
      await startApiProxy({
        socketPath: join(runDir, "api.sock"),
        after: (request) => {
          if (isRead(request) || /\/(?:events|leases)\b/.test(request.url)) return;
          if (this.#programs.step()) controller?.signal("SIGKILL");
        },
      }),
    );
    await copyKubeconfig(join(runDir, "controller.kubeconfig"), kubeconfig, proxy.url);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

function portOf(port: number): object {
  return { name: `p${port}`, port, protocol: "TCP" };
}
