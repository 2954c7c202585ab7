import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LbIdentity } from "../../../../src/model/index.ts";
import type { ProviderAdapter } from "../../../../src/provider/index.ts";
import { type Bed, describeConformance, type ServiceDesired } from "../../../../src/provider/testing/conformance.ts";
import { namesOf } from "../../names.ts";
import { desiredLb, node } from "../../testing.ts";
import { containerAdapter } from "./testing/bed.ts";
import { FakeContainers } from "./testing/fake-containers.ts";

const { clusterId } = desiredLb().id;
const [http] = desiredLb().ports;

class ContainerBed implements Bed {
  readonly #fake = new FakeContainers("docker");
  readonly #stateDir: string;
  #files = "";
  #written = 0;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  async adapter(fence?: () => string | undefined): Promise<ProviderAdapter> {
    return containerAdapter(this.#fake, this.#stateDir, clusterId, { fence });
  }

  async fingerprint(): Promise<string> {
    const containers = [...this.#fake.containers.values()].map(({ spec, status, addresses }) => {
      // Each bed has a directory of its own.
      const text = JSON.stringify([spec, status, addresses]);
      return text.replaceAll(this.#stateDir, "");
    });
    return [...containers, this.#readFiles()].join("\n");
  }

  /** Files count when they are seen to have changed: each change is at least once between two requests. */
  begun(): number {
    const files = this.#readFiles();
    if (files !== this.#files) this.#written++;
    this.#files = files;
    return this.#fake.changes + this.#written;
  }

  async occupy(id: LbIdentity): Promise<void> {
    const adapter = containerAdapter(this.#fake, this.#stateDir, clusterId);
    const connect = { kind: "claim", id } as const;
    const step = { id: "x", action: "create", target: "", dependsOn: [], input: connect, diff: [] } as const;
    const { signal } = new AbortController();
    await adapter.apply(step, new Map(), signal);
    await adapter.apply({ ...step, input: { kind: "connect", id, addresses: [], mac: "" } }, new Map(), signal);
    const { only } = this.#fake;
    Object.assign(only, { spec: { ...only.spec, labels: {} } });
    await rm(namesOf(this.#stateDir, id).directory, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#stateDir, { recursive: true, force: true });
  }

  /** What the provider itself writes. */
  #readFiles(): string {
    const { directory } = namesOf(this.#stateDir, desiredLb().id);
    if (!existsSync(directory)) return "";
    const names = readdirSync(directory).filter((name) => ["owner.json", "config.json"].includes(name));
    return names
      .sort()
      .map((name) => `${name} ${readFileSync(join(directory, name), "utf8")}`)
      .join("\n");
  }
}

function wish(changes: Parameters<typeof desiredLb>[0], nodes: ServiceDesired["nodes"]): ServiceDesired {
  return { kind: "service", lb: desiredLb({ addresses: [], ...changes }), nodes };
}

describeConformance("proxy in containers", {
  newBed: async () => new ContainerBed(await mkdtemp(join(tmpdir(), "berth-container-"))),
  wishes: {
    "one port": wish({ ports: http === undefined ? [] : [http] }, [node("a", "172.18.0.2")]),
    "two ports and another node": wish({}, [node("b", "172.18.0.3")]),
  },
});
