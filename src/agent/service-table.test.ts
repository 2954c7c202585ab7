import { setImmediate } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";
import type { EndpointSlice, Node, Service } from "../api/index.ts";
import type { RefusedFrontend, WaitingSocket } from "../model/index.ts";
import { node, port, service, slice } from "../model/testing/objects.ts";
import type { Family } from "../net/index.ts";
import { nodeFacts } from "./node-facts.ts";
import { changedChains, ruleCount, type ServiceChange, ServiceTable } from "./service-table.ts";
import { nodeSettings } from "./testing/settings.ts";
import { MemoryState } from "./testing/state.ts";

const families: readonly Family[] = ["IPv4", "IPv6"];

/** A node with a table, and what is told of it. */
class Bench {
  readonly state = new MemoryState();
  localAddresses: readonly string[] = ["192.0.2.1"];
  sockets: readonly WaitingSocket[] | Error = [];
  reads = 0;
  readonly table = this.fresh();

  fresh(): ServiceTable {
    return new ServiceTable(families, async () => {
      this.reads += 1;
      if (this.sockets instanceof Error) throw this.sockets;
      return this.sockets;
    });
  }

  update(table: ServiceTable, keys: Iterable<string>): Promise<readonly ServiceChange[]> {
    const apiServers = this.state.slices("default/kubernetes");
    return table.update(
      keys,
      this.state,
      nodeFacts(nodeSettings(), this.state.node(), apiServers, this.localAddresses),
    );
  }

  /** The same as after all that happened, made in one step. */
  async anew(): Promise<ServiceTable> {
    const table = this.fresh();
    await this.update(table, this.state.serviceKeys().toReversed());
    return table;
  }
}

/** Everything that follows from a table, by Service and as a whole. */
function contentOf(table: ServiceTable): unknown {
  return {
    programs: families.map((family) =>
      [...table.program(family)].map(([name, { chains, jumps }]) => [name, new Map(chains), jumps]),
    ),
    services: new Map(table.services().map((service) => [service.key, service])),
    refused: sorted(table.refused()),
  };
}

function sorted(refused: readonly RefusedFrontend[]): string[] {
  return refused
    .map(({ service, frontend, why }) => `${service} ${frontend.address ?? "node"}:${frontend.port}: ${why}`)
    .sort();
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

function web(
  key: string,
  spec: Partial<NonNullable<Service["spec"]>> = {},
  vips: string[] = [],
  metadata: object = {},
): Service {
  const object = service(key, { clusterIP: "10.96.0.1", ports: [port("p", 80)], ...spec }, vips);
  return { ...object, metadata: { ...object.metadata, creationTimestamp: "2026-01-05T00:00:00Z", ...metadata } };
}

function endpoints(...ips: string[]): EndpointSlice[] {
  return [
    slice(
      "s",
      [{ name: "p", port: 8080 }],
      ips.map((ip) => ({ ip, node: "node-a" })),
    ),
  ];
}

async function update(...keys: string[]): Promise<readonly ServiceChange[]> {
  return await bench.update(bench.table, keys);
}

it("gives an address to the next Service when the first one goes, and back", async () => {
  const first = web("ns/first", {}, ["203.0.113.7"]);
  const next = web("ns/next", { clusterIP: "10.96.0.2" }, ["203.0.113.7"], {
    creationTimestamp: "2026-01-06T00:00:00Z",
  });
  bench.state.services.set("ns/next", next);
  await update("ns/next");
  expect(bench.table.refused()).toEqual([]);
  bench.state.services.set("ns/first", first);
  expect((await update("ns/first")).map(({ key }) => key).sort()).toEqual(["ns/first", "ns/next"]);
  expect(sorted(bench.table.refused())).toEqual(["ns/next 203.0.113.7:80: Service ns/first has it and is older"]);
  bench.state.services.delete("ns/first");
  expect((await update("ns/first")).map(({ key }) => key).sort()).toEqual(["ns/first", "ns/next"]);
  expect(bench.table.refused()).toEqual([]);
  expect(contentOf(bench.table)).toEqual(contentOf(await bench.anew()));
});

it("counts a Service that was deleted and made anew as one change, and as none when it says the same", async () => {
  bench.state.services.set("ns/web", web("ns/web"));
  await update("ns/web");
  bench.state.services.set("ns/web", web("ns/web", {}, [], { uid: "another" }));
  expect(await update("ns/web")).toEqual([]);
  bench.state.services.set("ns/web", web("ns/web", { clusterIP: "10.96.0.9" }, [], { uid: "a third" }));
  expect(await update("ns/web")).toMatchObject([
    { key: "ns/web", before: { key: "ns/web" }, after: { key: "ns/web" } },
  ]);
});

it("does not see metadata that rules do not depend on, nor what came and went", async () => {
  bench.state.services.set("ns/web", web("ns/web"));
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1"));
  await update("ns/web");
  const before = bench.table.program("IPv4");
  bench.state.services.set("ns/web", web("ns/web", {}, [], { labels: { a: "b" }, resourceVersion: "9" }));
  const [first] = endpoints("10.0.0.1");
  bench.state.allSlices.set("ns/web", [
    { ...first!, metadata: { ...first!.metadata, annotations: { a: "b" }, generation: 7 } },
  ]);
  expect(await update("ns/web")).toEqual([]);
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.2"));
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1"));
  expect(await update("ns/web")).toEqual([]);
  for (const [name, { chains }] of before)
    for (const [chain, lines] of chains) expect(bench.table.program("IPv4").get(name)?.chains.get(chain)).toBe(lines);
});

it("gives way to local processes on the node's addresses, and looks only while it matters", async () => {
  bench.state.services.set("ns/web", web("ns/web", {}, ["203.0.113.7"]));
  await update("ns/web");
  expect(bench.reads).toBe(0);
  bench.state.services.set("ns/web", web("ns/web", {}, ["192.0.2.1"]));
  bench.sockets = [{ protocol: "TCP", address: undefined, port: 80 }];
  await update("ns/web");
  expect(sorted(bench.table.refused())).toEqual(["ns/web 192.0.2.1:80: a process of the node listens on this port"]);
  expect(await update()).toEqual([]);
  bench.sockets = [];
  expect((await update()).map(({ key }) => key)).toEqual(["ns/web"]);
  expect(bench.table.refused()).toEqual([]);
  expect(bench.reads).toBe(3);
});

it("says which chains of a Service changed, and how many rules it has", async () => {
  bench.state.services.set("ns/web", web("ns/web"));
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1"));
  const [added] = await update("ns/web");
  expect(changedChains(added!)).toEqual([
    expect.stringMatching(/^KUBE-SEP-/),
    "KUBE-SERVICES",
    expect.stringMatching(/^KUBE-SVC-/),
  ]);
  expect(ruleCount(added!.plansAfter)).toBe(5);
  expect(ruleCount(added!.plansBefore)).toBe(0);
  bench.state.allSlices.set("ns/web", endpoints("10.0.0.1", "10.0.0.2"));
  const [changed] = await update("ns/web");
  expect(changedChains(changed!)).toEqual([expect.stringMatching(/^KUBE-SEP-/), expect.stringMatching(/^KUBE-SVC-/)]);
});

it("lets others have their turn while it plans, and shows them what was before", async () => {
  await update();
  const before = bench.table.program("IPv4");
  const keys = Array.from({ length: 1000 }, (_, i) => `ns/s${i}`);
  for (const [i, key] of keys.entries())
    bench.state.services.set(key, web(key, { clusterIP: `10.96.${i >> 8}.${i & 255}` }));
  let turns = 0;
  let done = false;
  const updating = update(...keys).finally(() => (done = true));
  for (; ; turns++) {
    await setImmediate();
    if (done) break;
    expect(bench.table.program("IPv4")).toBe(before);
  }
  await updating;
  expect(turns).toBeGreaterThan(20);
  expect(contentOf(bench.table)).toEqual(contentOf(await bench.anew()));
});

it("does all that an update left undone when it failed, with old facts and with new ones", async () => {
  for (let i = 0; i < 5; i++) bench.state.services.set(`ns/s${i}`, web(`ns/s${i}`, { clusterIP: `10.96.0.${i}` }));
  await update();
  bench.state.services.set("ns/s0", web("ns/s0", { clusterIP: "10.96.0.8" }));
  bench.state.services.set("ns/s1", web("ns/s1", { clusterIP: "10.96.0.9" }));
  const { service } = bench.state;
  const broken = (key: string): Service | undefined => {
    if (key === "ns/s1") throw new Error("out of order");
    return service.call(bench.state, key);
  };
  for (const zone of ["zone-a", "zone-b"]) {
    bench.state.nodeObject = node("node-a", zone);
    bench.state.service = broken;
    await expect(update("ns/s0", "ns/s1")).rejects.toThrow("out of order");
    bench.state.nodeObject = node("node-a");
    bench.state.service = service;
    await update("ns/s0", "ns/s1");
    expect(contentOf(bench.table)).toEqual(contentOf(await bench.anew()));
  }
});

const names = ["a", "b", "c", "d"];
const addresses = ["10.96.0.1", "10.96.0.2", "192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.7"];

type Step = (bench: Bench) => string[];

const serviceStep: fc.Arbitrary<Step> = fc
  .record({
    name: fc.constantFrom(...names),
    createdAt: fc.constantFrom("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"),
    uid: fc.constantFrom("1", "2"),
    clusterIP: fc.constantFrom("10.96.0.1", "10.96.0.2", "10.96.0.3"),
    dual: fc.boolean(),
    externalIPs: fc.subarray(addresses),
    vips: fc.subarray(addresses),
    nodePort: fc.constantFrom(0, 8080, 30080),
    number: fc.constantFrom(80, 8080, 22),
    local: fc.boolean(),
    otherProxy: fc.boolean(),
  })
  .map((s) => ({ state }) => {
    const key = `ns/${s.name}`;
    const object = web(
      key,
      {
        type: "LoadBalancer",
        clusterIP: s.clusterIP,
        clusterIPs: s.dual ? [s.clusterIP, "fd00:96::1"] : [s.clusterIP],
        ipFamilies: s.dual ? ["IPv4", "IPv6"] : ["IPv4"],
        externalIPs: s.externalIPs,
        externalTrafficPolicy: s.local ? "Local" : "Cluster",
        ...(s.local && { healthCheckNodePort: 8080 }),
        ports: [port("p", s.number, { nodePort: s.nodePort })],
      },
      s.vips,
      {
        creationTimestamp: s.createdAt,
        uid: s.uid,
        ...(s.otherProxy && { labels: { "service.kubernetes.io/service-proxy-name": "x" } }),
      },
    );
    state.services.set(key, object);
    return [key];
  });
const otherStep: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(...names).map(
    (name): Step =>
      ({ state }) => {
        state.services.delete(`ns/${name}`);
        return [`ns/${name}`];
      },
  ),
  fc.tuple(fc.constantFrom(...names), fc.subarray(["10.0.0.1", "10.0.0.2", "10.0.0.3"])).map(
    ([name, ips]): Step =>
      ({ state }) => {
        state.allSlices.set(`ns/${name}`, endpoints(...ips));
        return [`ns/${name}`];
      },
  ),
  fc.subarray(["192.0.2.1", "192.0.2.2"]).map(
    (list): Step =>
      (bench) => {
        bench.localAddresses = list;
        return [];
      },
  ),
  fc.boolean().map(
    (has): Step =>
      ({ state }) => {
        const own: Node = node("node-a");
        const translated = [
          { type: "InternalIP", address: "192.0.2.1" },
          { type: "ExternalIP", address: "198.51.100.1" },
        ];
        state.nodeObject = { ...own, status: { ...own.status, addresses: has ? translated : [] } };
        return [];
      },
  ),
  fc.subarray([80, 8080]).map(
    (ports): Step =>
      (bench) => {
        bench.sockets = ports.map((port) => ({ protocol: "TCP", address: undefined, port }));
        return [];
      },
  ),
);

it("is the same whether step by step or at once, and tells of exactly the Services that changed", async () => {
  const steps = fc.array(fc.oneof({ weight: 3, arbitrary: serviceStep }, { weight: 2, arbitrary: otherStep }), {
    maxLength: 10,
  });
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const bench = new Bench();
      let before = await bench.anew();
      await bench.update(bench.table, []);
      for (const step of steps) {
        const changes = await bench.update(bench.table, step(bench));
        const full = await bench.anew();
        expect(contentOf(bench.table)).toEqual(contentOf(full));
        expect(changes.map(({ key }) => key).sort()).toEqual(differing(before, full));
        before = full;
      }
    }),
    { numRuns: 150 },
  );
});

/** Keys of the Services that one table serves otherwise than the other. */
function differing(a: ServiceTable, b: ServiceTable): string[] {
  const [was, is] = [a, b].map(
    (table) =>
      new Map(
        names.map((name) => {
          const key = `ns/${name}`;
          return [
            key,
            [
              table.services().find((service) => service.key === key),
              table.refused().filter(({ service }) => service === key),
            ],
          ];
        }),
      ),
  );
  return [...was!.keys()].filter((key) => !isDeepStrictEqual(was!.get(key), is!.get(key))).sort();
}

it("forgets what it began for facts that went back before it could finish", async () => {
  const { state, table } = bench;
  state.services.set("ns/far", service("ns/far", { clusterIP: "172.30.0.7", ports: [port("p", 80)] }));
  state.services.set("ns/near", web("ns/near", { clusterIP: "172.30.0.8", externalIPs: ["192.0.2.1"] }));
  const zoned = (zone: string, ip: string) => ({ ip, node: "node-b", zones: [zone] });
  state.allSlices.set("ns/far", [
    slice("s", [{ name: "p", port: 80 }], [zoned("zone-a", "10.0.0.1"), zoned("zone-b", "10.0.0.2")]),
  ]);
  state.nodeObject = node("node-a", "zone-a");
  await bench.update(table, state.serviceKeys());
  const before = contentOf(table);
  state.nodeObject = node("node-a", "zone-b");
  bench.sockets = new Error("no /proc");
  await expect(bench.update(table, [])).rejects.toThrow("no /proc");
  state.nodeObject = node("node-a", "zone-a");
  bench.sockets = [];
  await bench.update(table, []);
  expect(contentOf(table)).toEqual(before);
});
