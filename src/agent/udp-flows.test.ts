import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { Conntrack, type Exec, ProgramMissingError, type UdpFlow } from "../kernel/index.ts";
import { type ProxiedService, proxiedService } from "../model/index.ts";
import { port, service, slice } from "../model/testing/objects.ts";
import { createMetrics } from "../telemetry/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { AgentMetrics } from "./metrics.ts";
import { FlowJudge, FlowReconciler, type ServiceStep } from "./udp-flows.ts";

const { signal } = new AbortController();
const node = { name: "node-a", zone: undefined };
const local = new Set(["192.168.0.2"]);

interface Shape {
  readonly ip?: string;
  readonly vips?: string[];
  readonly nodePort?: number;
  readonly endpoints?: readonly string[];
  readonly ending?: readonly string[];
  readonly protocol?: string;
}

function dns(
  { ip = "172.30.0.10", vips = [], nodePort = 0, endpoints = ["10.0.0.1"], ending = [], protocol = "UDP" }: Shape,
  key = "ns/dns",
): ProxiedService | undefined {
  const ports = [port("dns", 53, { protocol, ...(nodePort > 0 && { nodePort }) })];
  const object = service(key, { type: "LoadBalancer", clusterIP: ip, ports }, vips);
  const all = [
    ...endpoints.map((each) => ({ ip: each })),
    ...ending.map((each) => ({ ip: each, ready: false, serving: true, terminating: true })),
  ];
  return proxiedService(object, [slice("s", [{ name: "dns", port: 53, protocol }], all)], node);
}

function step(before: Shape | undefined, after: Shape | undefined, key = "ns/dns"): ServiceStep {
  return { key, before: before && dns(before, key), after: after && dns(after, key) };
}

function flow(destination: string, destinationPort: number, reply: string, replySourcePort = 53): UdpFlow {
  return { source: "10.9.9.9", sourcePort: 4000, destination, destinationPort, replySource: reply, replySourcePort };
}

const toCluster = flow("172.30.0.10", 53, "10.0.0.1");
const missed = flow("172.30.0.10", 53, "172.30.0.10");

it.each<[string, ServiceStep, UdpFlow, boolean]>([
  ["to an endpoint that serves", step({}, {}), toCluster, false],
  ["to an endpoint that is gone", step({}, { endpoints: ["10.0.0.2"] }), toCluster, true],
  ["to an endpoint that ends but serves", step({}, { endpoints: [], ending: ["10.0.0.1"] }), toCluster, false],
  ["to the last endpoint, which is gone", step({}, { endpoints: [] }), toCluster, true],
  ["to a Service that is gone", step({}, undefined), toCluster, true],
  ["from before the Service was there", step(undefined, {}), missed, true],
  ["from before it had endpoints", step({ endpoints: [] }, {}), missed, true],
  ["that was never sent on, of a Service that is gone", step({}, undefined), missed, false],
  ["to an address that the Service gave up", step({ vips: ["1.2.3.4"] }, {}), flow("1.2.3.4", 53, "10.0.0.1"), true],
  ["to another address with that port", step({}, undefined), flow("172.30.0.11", 53, "10.0.0.1"), false],
  ["to another port of that address", step({}, undefined), flow("172.30.0.10", 54, "10.0.0.1"), false],
  [
    "to its NodePort, changed, on the node",
    step({ nodePort: 30053 }, { nodePort: 30054 }),
    flow("192.168.0.2", 30053, "10.0.0.1"),
    true,
  ],
  [
    "through the node to the same port elsewhere",
    step({ nodePort: 30053 }, { nodePort: 30053, endpoints: [] }),
    flow("192.168.0.3", 30053, "10.0.0.1"),
    false,
  ],
  [
    "to its NodePort from before",
    step(undefined, { nodePort: 30053 }),
    flow("192.168.0.2", 30053, "192.168.0.2", 30053),
    true,
  ],
  ["of a TCP Service", step({ protocol: "TCP" }, undefined), toCluster, false],
])("a flow %s is stale: %#", (_, one, subject, stale) => {
  const judge = new FlowJudge("IPv4");
  judge.programmed([{ ...one, before: undefined, after: one.before }]);
  judge.cleared([...judge.suspects]);
  judge.programmed([one]);
  expect(judge.isStale(subject, local)).toBe(stale);
});

it("spares the flows of a Service that took over the frontend of another", () => {
  const judge = new FlowJudge("IPv4");
  judge.programmed([step(undefined, { vips: ["1.2.3.4"] })]);
  judge.programmed([
    step({ vips: ["1.2.3.4"] }, {}),
    step(undefined, { ip: "172.30.0.20", vips: ["1.2.3.4"], endpoints: ["10.0.0.7"] }, "ns/new"),
  ]);
  expect(judge.isStale(flow("1.2.3.4", 53, "10.0.0.7"), local)).toBe(false);
  expect(judge.isStale(flow("1.2.3.4", 53, "10.0.0.1"), local)).toBe(true);
});

it("suspects nothing when endpoints only come, and NodePorts when the node's addresses change", () => {
  const judge = new FlowJudge("IPv4");
  judge.programmed([step(undefined, { nodePort: 30053 })]);
  judge.cleared([...judge.suspects]);
  judge.programmed([step({ nodePort: 30053 }, { nodePort: 30053, endpoints: ["10.0.0.1", "10.0.0.2"] })]);
  expect([...judge.suspects]).toEqual([]);
  judge.addressesChanged();
  expect([...judge.suspects]).toEqual([" 30053"]);
});

describe("whatever happens to Services", () => {
  const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  const shapes = fc.record({
    ip: fc.constantFrom("172.30.0.10", "172.30.0.11"),
    vips: fc.uniqueArray(fc.constantFrom("1.2.3.4", "192.168.0.2")),
    nodePort: fc.constantFrom(0, 53, 30_053),
    endpoints: fc.uniqueArray(fc.constantFrom(...ips)),
  });
  const steps = fc.array(fc.tuple(fc.constantFrom("ns/a", "ns/b"), fc.option(shapes, { nil: undefined })));
  const destinations = ["172.30.0.10", "172.30.0.11", "1.2.3.4", "192.168.0.2", "192.168.0.3"];
  const flows = destinations.flatMap((to) =>
    [53, 30_053].flatMap((at) => [...ips.map((ip) => flow(to, at, ip)), flow(to, at, to, at)]),
  );

  /** Who may answer a flow now, by looking at all Services; undefined: it is none of theirs. */
  function answerers(state: ReadonlyMap<string, Shape>, { destination, destinationPort }: UdpFlow) {
    const having = (test: (shape: Shape) => boolean) => [...state.values()].filter(test);
    const own = having(({ ip, vips }) => destinationPort === 53 && [ip, ...(vips ?? [])].includes(destination));
    const owners =
      own.length > 0 || !local.has(destination) ? own : having(({ nodePort }) => nodePort === destinationPort);
    return owners.length === 0 ? undefined : owners.flatMap(({ endpoints = [] }) => endpoints);
  }

  it("a flow that led where it should and no longer does is found, and none that leads where it should", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const judge = new FlowJudge("IPv4");
        const state = new Map<string, Shape>();
        for (const [key, shape] of all) {
          const before = new Map(state);
          judge.programmed([step(state.get(key), shape, key)]);
          if (shape === undefined) state.delete(key);
          else state.set(key, shape);
          for (const one of flows) {
            const [was, is] = [answerers(before, one), answerers(state, one)];
            const translated = one.replySource !== one.destination;
            const fits = is === undefined ? !translated : is.includes(one.replySource);
            const fitted = was === undefined ? !translated : was.includes(one.replySource);
            if (fits) expect(judge.isStale(one, local)).toBe(false);
            else if (fitted && (was ?? is) !== undefined) expect(judge.isStale(one, local)).toBe(true);
          }
          judge.cleared([...judge.suspects]);
        }
      }),
    );
  });
});

describe("FlowReconciler", () => {
  function bench() {
    const calls: string[] = [];
    const log = new MemoryLog();
    const failures: unknown[] = [];
    let table = "";
    const exec: Exec = {
      async run(_, args) {
        calls.push(args.join(" "));
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return { code: 0, stdout: args[0] === "-L" ? table : "", stderr: "" };
      },
    };
    const metrics = new AgentMetrics(createMetrics());
    const clock = new FakeClock();
    const reconciler = new FlowReconciler(new Conntrack(exec, "IPv4"), "IPv4", metrics, log, clock);
    const put = (...all: UdpFlow[]) => {
      table = all
        .map(
          (one) =>
            `udp 17 9 src=${one.source} dst=${one.destination} sport=1 dport=${one.destinationPort} src=${one.replySource} dst=${one.source} sport=${one.replySourcePort} dport=1\n`,
        )
        .join("");
    };
    const nodePortAddresses = [...local];
    const run = async (...steps: ServiceStep[]) => {
      calls.length = 0;
      const again = await reconciler.reconcile(steps, nodePortAddresses, signal);
      return { again, calls: [...calls] };
    };
    return { run, put, failures, log, nodePortAddresses, clock };
  }

  it("reads no table when no UDP frontend is concerned", async () => {
    const { run } = bench();
    expect(await run(step(undefined, { protocol: "TCP" }))).toEqual({ again: undefined, calls: [] });
    expect((await run(step(undefined, {}))).calls).toHaveLength(1);
    expect((await run(step({}, { endpoints: ["10.0.0.1", "10.0.0.2"] }))).calls).toEqual([]);
  });

  it("looks at flows to NodePorts when the node gets another address, which may have been another's", async () => {
    const { run, put, nodePortAddresses } = bench();
    await run(step(undefined, { nodePort: 30_053 }));
    put(flow("192.168.0.9", 30_053, "10.9.9.1"), flow("192.168.0.8", 30_053, "10.9.9.1"));
    expect((await run()).calls).toEqual([]);
    nodePortAddresses.push("192.168.0.9");
    expect((await run()).calls).toEqual([
      "-L -p udp -f ipv4 --dport 30053",
      "-D -p udp -f ipv4 -d 192.168.0.9 --dport 30053 --reply-src 10.9.9.1 --reply-port-src 53",
    ]);
  });

  it("asks for few frontends one by one, and deletes all flows of an endpoint, or of a destination, in one process", async () => {
    const { run, put } = bench();
    const two = { endpoints: ["10.0.0.1", "10.0.0.2"] };
    await run(step(undefined, two));
    put(toCluster, toCluster, flow("172.30.0.10", 53, "10.0.0.2"));
    expect((await run(step(two, { endpoints: ["10.0.0.2"] }))).calls).toEqual([
      "-L -p udp -f ipv4 -d 172.30.0.10 --dport 53",
      "-D -p udp -f ipv4 -d 172.30.0.10 --dport 53 --reply-src 10.0.0.1 --reply-port-src 53",
    ]);
    expect((await run(step({ endpoints: ["10.0.0.2"] }, { endpoints: [] }))).calls).toEqual([
      "-L -p udp -f ipv4 -d 172.30.0.10 --dport 53",
      "-D -p udp -f ipv4 -d 172.30.0.10 --dport 53",
    ]);
    const many = { vips: ["1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4"], nodePort: 30_053 };
    expect((await run(step({ endpoints: [] }, many))).calls[0]).toBe("-L -p udp -f ipv4");
  });

  it("keeps what failed due, and asks to come again", async () => {
    const { run, put, failures, log } = bench();
    await run(step(undefined, {}));
    put(toCluster);
    failures.push(new Error("busy"));
    expect((await run(step({}, { endpoints: [] }))).again).toBe(30_000);
    failures.push(undefined, new Error("busy"));
    expect((await run()).again).toBe(30_000);
    expect(await run()).toMatchObject({
      again: undefined,
      calls: [/^-L/, /^-D/].map((re) => expect.stringMatching(re)),
    });
    expect(await run()).toEqual({ again: undefined, calls: [] });
    expect(log.messages("warn")).toHaveLength(2);
  });

  it("warns once that the program is missing, looks for it every five minutes, and does all when it comes", async () => {
    const { run, put, failures, log, clock } = bench();
    const missing = new ProgramMissingError("conntrack", undefined);
    failures.push(missing);
    expect(await run(step(undefined, {}))).toMatchObject({ again: 300_000, calls: [expect.any(String)] });
    clock.advance(100_000);
    put(toCluster);
    expect(await run(step({}, { endpoints: [] }))).toEqual({ again: 200_000, calls: [] });
    clock.advance(200_000);
    failures.push(missing);
    expect(await run()).toMatchObject({ again: 300_000, calls: [expect.any(String)] });
    expect(log.messages("warn")).toHaveLength(1);
    clock.advance(300_000);
    expect((await run()).calls).toEqual([
      "-L -p udp -f ipv4 -d 172.30.0.10 --dport 53",
      "-D -p udp -f ipv4 -d 172.30.0.10 --dport 53",
    ]);
    expect(await run()).toEqual({ again: undefined, calls: [] });
  });
});
