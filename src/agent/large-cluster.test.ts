import { expect, it } from "vitest";
import { node, port, service, slice } from "../model/testing/objects.ts";
import { nodeFacts } from "./node-facts.ts";
import { ServiceTable } from "./service-table.ts";
import { nodeSettings } from "./testing/settings.ts";
import { MemoryState } from "./testing/state.ts";

const facts = nodeFacts(nodeSettings(), node("node-a"), [], ["192.168.0.2"]);

class Cluster {
  readonly state = new MemoryState();
  readonly table = new ServiceTable(["IPv4", "IPv6"], async () => []);

  /** Services named a, b, ... with so many endpoints. */
  set(name: string, endpoints: number): void {
    const list = Array.from({ length: endpoints }, (_, i) => ({ ip: `10.${name.charCodeAt(0)}.${i >> 8}.${i & 255}` }));
    this.state.services.set(
      `ns/${name}`,
      service(`ns/${name}`, { clusterIP: `172.30.0.${name.charCodeAt(0)}`, ports: [port("p", 80)] }),
    );
    this.state.allSlices.set(`ns/${name}`, [slice("s", [{ name: "p", port: 80 }], list)]);
  }

  async update(...names: string[]): Promise<string[]> {
    const keys = names.map((name) => `ns/${name}`);
    return (await this.table.update(keys, this.state, facts)).map(({ key }) => key);
  }

  /** How many rules lead to endpoints, and how many of these say so in a comment. */
  get comments(): readonly [rules: number, withComment: number] {
    const lines = [...this.table.program("IPv4").get("nat")!.chains.values()]
      .flat()
      .filter((line) => line.includes("-j KUBE-SEP-"));
    return [lines.length, lines.filter((line) => line.includes("--comment")).length];
  }
}

it("drops comments of all Services above 1,000 endpoints, and writes them again at 1,000", async () => {
  const cluster = new Cluster();
  cluster.set("a", 600);
  cluster.set("b", 400);
  expect(await cluster.update("a", "b")).toEqual(["ns/a", "ns/b"]);
  expect(cluster.comments).toEqual([1000, 1000]);

  cluster.set("b", 401);
  expect((await cluster.update("b")).sort()).toEqual(["ns/a", "ns/b"]);
  expect(cluster.comments).toEqual([1001, 0]);

  cluster.set("b", 402);
  expect(await cluster.update("b")).toEqual(["ns/b"]);
  expect(cluster.comments).toEqual([1002, 0]);

  cluster.state.services.delete("ns/b");
  expect((await cluster.update("b")).sort()).toEqual(["ns/a", "ns/b"]);
  expect(cluster.comments).toEqual([600, 600]);
});

it("has the same rules however the cluster became large", async () => {
  const [grown, started] = [new Cluster(), new Cluster()];
  grown.set("a", 900);
  await grown.update("a");
  for (const cluster of [grown, started]) {
    cluster.set("a", 900);
    cluster.set("b", 101);
    await cluster.update("a", "b");
  }
  expect(grown.table.program("IPv4")).toEqual(started.table.program("IPv4"));
});

it("counts each family for itself", async () => {
  const cluster = new Cluster();
  cluster.set("a", 1001);
  await cluster.update("a");
  cluster.state.services.set("ns/b", service("ns/b", { clusterIP: "fd00::1", ports: [port("p", 80)] }));
  cluster.state.allSlices.set("ns/b", [slice("s", [{ name: "p", port: 80 }], [{ ip: "fd00:1::1" }])]);
  expect(await cluster.update("b")).toEqual(["ns/b"]);
  const lines = [...cluster.table.program("IPv6").get("nat")!.chains.values()].flat();
  expect(lines).toContainEqual(expect.stringContaining('--comment "ns/b:p -> [fd00:1::1]:80"'));
});
