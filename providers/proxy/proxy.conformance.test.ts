import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { TestNetwork } from "../../src/balancer/testing/index.ts";
import { systemClock } from "../../src/base/index.ts";
import {
  type Exec,
  findLink,
  isRunning,
  listNetns,
  netnsExec,
  parseProcess,
  signalProcess,
} from "../../src/kernel/index.ts";
import { parseCidr } from "../../src/net/index.ts";
import type { ProviderAdapter } from "../../src/provider/index.ts";
import { type Bed, describeConformance, type ServiceDesired } from "../../src/provider/testing/conformance.ts";
import { createNamespaceProvider } from "./index.ts";
import { innerInterface, type Names, namesOf } from "./names.ts";
import { ownerFile, renderOwner } from "./owner.ts";
import { desiredLb, node } from "./testing.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
// Namespaces are called after it: another run on this machine must not meet ours.
const id = { ...desiredLb().id, clusterId: `cluster-${randomBytes(4).toString("hex")}` };
const [http] = desiredLb().ports;
const signal = AbortSignal.timeout(1_800_000);

let network: TestNetwork;

beforeAll(async () => {
  network = await TestNetwork.create();
});

afterAll(() => network[Symbol.asyncDispose]());

/** A state directory of its own; what is not below it goes by the names that follow from the identity. */
class ProxyBed implements Bed {
  readonly #stateDir: string;
  readonly #names: Names;
  #begun = 0;
  #files: string;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
    this.#names = namesOf(stateDir, id);
    this.#files = this.#readFiles();
    network.adopt(this.#names.netns);
  }

  async adapter(fence: () => string | undefined = () => undefined): Promise<ProviderAdapter> {
    const exec: Exec = {
      run: (program, args, options) => {
        // What only looks asks for JSON.
        if (!args.includes("-j")) this.#begun++;
        return network.exec.run(program, args, options);
      },
    };
    return createNamespaceProvider({
      stateDir: this.#stateDir,
      clusterId: id.clusterId,
      network: { netns: network.name, bridge: network.bridge, prefixes: [parseCidr("10.99.0.0/16")!] },
      balancerCommand: [process.execPath, main, "balancer"],
      environment: network.environment,
      exec,
      fence,
      clock: systemClock,
    });
  }

  /** Files count when they are seen to have changed: each change is at least once between two requests. */
  begun(): number {
    const files = this.#readFiles();
    if (files !== this.#files) this.#begun++;
    this.#files = files;
    return this.#begun;
  }

  async fingerprint(): Promise<string> {
    const { netns, port } = this.#names;
    const exists = (await listNetns(network.exec, { signal })).includes(netns);
    const link = exists ? await findLink(netnsExec(network.exec, netns), innerInterface, { signal }) : undefined;
    const plug = await findLink(netnsExec(network.exec, network.name), port, { signal });
    return [
      this.#readFiles(),
      exists ? "namespace" : "",
      JSON.stringify([link?.mac, link?.addresses.filter(({ scope }) => scope === "global"), plug?.master]),
      this.#process() === undefined ? "" : "balancer",
    ].join("\n");
  }

  async occupy(): Promise<void> {
    await mkdir(this.#names.directory, { recursive: true });
    await writeFile(join(this.#names.directory, ownerFile), renderOwner({ ...id, clusterId: "another" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { netns } = this.#names;
    const holder = this.#process();
    if (holder !== undefined) signalProcess(holder, "SIGKILL");
    if ((await listNetns(network.exec, { signal })).includes(netns)) {
      // A balancer that was only just started has no pid file yet.
      const { stdout } = await network.exec.run("ip", ["netns", "pids", netns], { signal });
      for (const pid of stdout.split("\n").filter(Boolean)) killAny(Number(pid));
      await network.run(network.name, [`netns delete ${netns}`]);
    }
    if ((await findLink(netnsExec(network.exec, network.name), this.#names.port, { signal })) !== undefined)
      await network.run(network.name, [`link delete ${this.#names.port}`]);
    await rm(this.#stateDir, { recursive: true, force: true });
  }

  #process(): ReturnType<typeof parseProcess> {
    const path = join(this.#names.directory, "pid");
    const found = existsSync(path) ? parseProcess(readFileSync(path, "utf8")) : undefined;
    return found !== undefined && isRunning(found) ? found : undefined;
  }

  /** What the provider itself writes. */
  #readFiles(): string {
    const { directory } = this.#names;
    if (!existsSync(directory)) return "";
    const names = readdirSync(directory).filter((name) => [ownerFile, "config.json"].includes(name));
    return names
      .sort()
      .map((name) => `${name} ${readFileSync(join(directory, name), "utf8")}`)
      .join("\n");
  }
}

/** It may have ended by itself meanwhile, as the programs of a balancer do. */
function killAny(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function wish(changes: Parameters<typeof desiredLb>[0], nodes: ServiceDesired["nodes"]): ServiceDesired {
  return { kind: "service", lb: desiredLb({ id, ...changes }), nodes };
}

describeConformance("proxy", {
  newBed: async () => new ProxyBed(await mkdtemp(join(tmpdir(), "berth-proxy-"))),
  wishes: {
    "one port": wish({ ports: [http!] }, [node("a", "10.99.2.1")]),
    "two ports and another node": wish({}, [node("b", "10.99.2.2")]),
  },
  timeoutMs: 300_000,
});
