import { afterEach, beforeEach, expect, it } from "vitest";
import type { Service } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { type Exec, type ExecResult, inputText } from "../kernel/index.ts";
import { port, service } from "../model/testing/objects.ts";
import { formatIp } from "../net/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { MemoryState } from "./testing/state.ts";
import { VipRoutes, vipsOf } from "./vip-routes.ts";

const spec = { type: "LoadBalancer", clusterIP: "10.96.0.7", ports: [port("http", 80)] };

function served(ips: readonly string[], finalizers: readonly string[] = ["gcp-l4.berth.dev/resources"]): Service {
  const made = service("ns/web", spec, ips);
  return { ...made, metadata: { ...made.metadata, finalizers: [...finalizers] } };
}

it.each<[string, Service | undefined, readonly string[]]>([
  ["of a passthrough load balancer", served(["192.0.2.9", "192.0.2.1"]), ["192.0.2.1", "192.0.2.9"]],
  ["beside other finalizers", served(["2600:1901::1"], ["other", "gcp-l4.berth.dev/resources"]), ["2600:1901::1"]],
  ["of one that is none", served(["192.0.2.1"], ["proxy.berth.dev/resources"]), []],
  [
    "of one that terminates connections",
    { ...served([]), status: { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "Proxy" }] } } },
    [],
  ],
  ["of a name", { ...served([]), status: { loadBalancer: { ingress: [{ hostname: "a.example" }] } } }, []],
  ["of a Service of another type", { ...served(["192.0.2.1"]), spec: { ...spec, type: "ClusterIP" } }, []],
  ["of none", undefined, []],
])("finds the addresses %s", (_, object, ips) => {
  expect(vipsOf(object).map(formatIp)).toEqual(ips);
});

/** Local routes as `ip` shows and changes them. */
class Routes implements Exec {
  readonly all = new Map<string, string>([["127.0.0.0/8", "kernel"]]);
  readonly asked: string[] = [];
  failing = false;

  run(_program: string, args: readonly string[], { stdin = "" }: Parameters<Exec["run"]>[2]): Promise<ExecResult> {
    this.asked.push(args.includes("-batch") ? inputText(stdin).trim() : args.join(" "));
    if (this.failing) return Promise.resolve({ code: 1, stdout: "", stderr: "no" } as ExecResult);
    for (const line of inputText(stdin).split("\n")) {
      const [, , verb, , to = ""] = ["", ...line.split(" ")];
      if (verb === "append") this.all.set(to, "107");
      else this.all.delete(to);
    }
    const isV6 = args.includes("-6");
    const shown = [...this.all].filter(([to]) => to.includes(":") === isV6);
    const stdout = JSON.stringify(shown.map(([dst, protocol]) => ({ dst: dst.replace(/\/(32|128)$/, ""), protocol })));
    return Promise.resolve({ code: 0, stdout, stderr: "" } as ExecResult);
  }
}

let kernel: Routes;
let state: MemoryState;
let clock: FakeClock;
let logger: MemoryLog;
let end: AbortController;
let running: Promise<void>;

beforeEach(() => {
  [kernel, state, clock, logger, end] = [
    new Routes(),
    new MemoryState(),
    new FakeClock(),
    new MemoryLog(),
    new AbortController(),
  ];
});
afterEach(async () => {
  end.abort();
  await clock.run(1000);
  await running;
});

function start(mode: "auto" | "on" = "auto"): VipRoutes {
  const routes = new VipRoutes({
    mode,
    state,
    families: ["IPv4", "IPv6"],
    exec: kernel,
    logger,
    clock,
    random: () => 0,
  });
  running = routes.run(end.signal);
  return routes;
}

function set(routes: VipRoutes, object: Service): void {
  state.services.set("ns/web", object);
  routes.serviceChanged("ns/web");
}

it("adds a route for each address, and takes it away with its load balancer", async () => {
  const routes = start();
  set(routes, served(["192.0.2.1", "2600:1901::1"]));
  await clock.run(2000);
  expect([...kernel.all]).toEqual([
    ["127.0.0.0/8", "kernel"],
    ["192.0.2.1/32", "107"],
    ["2600:1901::1/128", "107"],
  ]);
  set(routes, served(["192.0.2.2"]));
  await clock.run(2000);
  expect([...kernel.all.keys()]).toEqual(["127.0.0.0/8", "192.0.2.2/32"]);
  set(routes, served([]));
  await clock.run(2000);
  expect([...kernel.all.keys()]).toEqual(["127.0.0.0/8"]);
  kernel.asked.length = 0;
  await clock.run(120_000);
  expect(kernel.asked).toEqual([]);
});

it("leaves to others what they have made, and takes its own back when they come", async () => {
  state.services.set("ns/web", served(["192.0.2.1", "198.51.100.7"]));
  kernel.all.set("198.51.100.0/24", "66");
  start();
  await clock.run(2000);
  expect(kernel.all.get("192.0.2.1/32")).toBe("107");
  expect(kernel.all.has("198.51.100.7/32")).toBe(false);
  kernel.all.set("192.0.2.0/24", "66");
  await clock.run(31_000);
  expect(kernel.all.has("192.0.2.1/32")).toBe(false);
});

it("makes its own beside those of others when it is told to", async () => {
  state.services.set("ns/web", served(["192.0.2.1"]));
  kernel.all.set("192.0.2.0/24", "66");
  start("on");
  await clock.run(31_000);
  expect([kernel.all.get("192.0.2.1/32"), kernel.all.get("192.0.2.0/24")]).toEqual(["107", "66"]);
});

it("makes again what somebody took away, and takes away what a process before left", async () => {
  kernel.all.set("203.0.113.9/32", "107");
  state.services.set("ns/web", served(["192.0.2.1"]));
  start();
  await clock.run(2000);
  expect([...kernel.all.keys()]).toEqual(["127.0.0.0/8", "192.0.2.1/32"]);
  kernel.all.delete("192.0.2.1/32");
  await clock.run(31_000);
  expect(kernel.all.has("192.0.2.1/32")).toBe(true);
});

it("says what it cannot do, tries again, and asks for nothing where there is no such load balancer", async () => {
  kernel.failing = true;
  const routes = start();
  await clock.run(60_000);
  expect(kernel.asked).toHaveLength(1);
  expect(logger.lines).toEqual([]);
  set(routes, served(["192.0.2.1"]));
  await clock.run(2000);
  expect(logger.lines.length).toBeGreaterThan(0);
  kernel.failing = false;
  await clock.run(6000);
  expect(kernel.all.has("192.0.2.1/32")).toBe(true);
});
