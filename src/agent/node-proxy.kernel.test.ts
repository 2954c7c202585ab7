import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { flavours, host } from "../kernel/testing/machine.ts";
import { node, port, service, slice } from "../model/testing/objects.ts";
import type { NodeProxy } from "./node-proxy.ts";
import { flavourExec, kernelProxy } from "./testing/kernel-proxy.ts";
import { Network } from "./testing/network.ts";
import { MemoryState } from "./testing/state.ts";

const signal = new AbortController().signal;

describe.each(flavours)("with iptables-%s", (flavour) => {
  const network = new Network(host);
  const restores: string[] = [];
  const inside = network.exec("node");
  const exec = flavourExec(inside, flavour, (restore) => restores.push(restore));
  const state = new MemoryState();
  const proxy = (): NodeProxy => kernelProxy(exec, state);

  const ports = [
    { name: "tcp", port: 8080 },
    { name: "udp", port: 8080, protocol: "UDP" },
  ];

  function endpoints(...numbers: readonly number[]): void {
    const list = (prefix: string) => numbers.map((n) => ({ ip: `${prefix}${n + 1}`, node: "node-a", ready: true }));
    state.allSlices.set("ns/web", [
      slice("web-4", ports, list("10.244.1.")),
      { ...slice("web-6", ports, list("fd00:244:1::")), addressType: "IPv6" },
    ]);
  }

  async function changed(agent: NodeProxy): Promise<void> {
    agent.endpointsChanged("ns/web", undefined);
    await agent.sync(signal);
  }

  beforeAll(async () => {
    state.nodeObject = node("node-a");
    state.services.set(
      "ns/web",
      service(
        "ns/web",
        {
          type: "LoadBalancer",
          clusterIP: "10.96.0.7",
          clusterIPs: ["10.96.0.7", "fd00:96::7"],
          ports: [port("tcp", 80, { nodePort: 30080 }), port("udp", 80, { nodePort: 30080, protocol: "UDP" })],
        },
        ["203.0.113.7", "fd00:cb::7"],
      ),
    );
    endpoints();
    await network.create(signal);
  });
  afterAll(() => network[Symbol.asyncDispose]());
  beforeEach(() => {
    restores.length = 0;
  });

  let agent: NodeProxy;

  it("refuses at once where there is no endpoint", async () => {
    agent = proxy();
    agent.serviceChanged("ns/web");
    await agent.sync(signal);
    expect(restores).toHaveLength(2);
    for (const host of ["10.96.0.7", "fd00:96::7"])
      expect(await network.ask("pod-1", { protocol: "TCP", address: host, port: 80 })).toBe("ECONNREFUSED");
    for (const [host, number] of [
      ["192.0.2.1", 30080],
      ["fd00:c::1", 30080],
      ["203.0.113.7", 80],
      ["fd00:cb::7", 80],
    ] as const)
      expect(await network.ask("client", { protocol: "TCP", address: host, port: number })).toBe("ECONNREFUSED");
  });

  it("sends every kind of frontend to the endpoint, over TCP and UDP, IPv4 and IPv6", async () => {
    endpoints(2);
    await changed(agent);
    for (const [member, host, number, seen] of [
      ["pod-1", "10.96.0.7", 80, "10.244.1.2"],
      ["pod-1", "fd00:96::7", 80, "fd00:244:1::2"],
      ["node", "10.96.0.7", 80, "10.244.1.1"],
      ["node", "fd00:96::7", 80, "fd00:244:1::1"],
      ["client", "192.0.2.1", 30080, "10.244.1.1"],
      ["client", "fd00:c::1", 30080, "fd00:244:1::1"],
      ["client", "203.0.113.7", 80, "10.244.1.1"],
      ["client", "fd00:cb::7", 80, "fd00:244:1::1"],
    ] as const) {
      expect([member, host, await network.ask(member, { protocol: "TCP", address: host, port: number })]).toEqual([
        member,
        host,
        `pod-2 ${seen}`,
      ]);
      const udp = await network.askAgain(member, `${host} ${number}`, { address: host, port: number });
      expect([member, host, udp]).toEqual([member, host, `pod-2 ${seen}`]);
    }
  });

  it("lets a pod reach itself", async () => {
    expect(await network.ask("pod-2", { protocol: "TCP", address: "10.96.0.7", port: 80 })).toBe("pod-2 10.244.1.1");
    expect(await network.ask("pod-2", { protocol: "TCP", address: "fd00:96::7", port: 80 })).toBe(
      "pod-2 fd00:244:1::1",
    );
  });

  it("moves a UDP client that keeps its port to the endpoint that is left", async () => {
    endpoints(1);
    await changed(agent);
    expect(await network.askAgain("client", "192.0.2.1 30080", { address: "192.0.2.1", port: 30080 })).toBe(
      "pod-1 10.244.1.1",
    );
    expect(await network.askAgain("client", "fd00:cb::7 80", { address: "fd00:cb::7", port: 80 })).toBe(
      "pod-1 fd00:244:1::1",
    );
  });

  it("writes nothing when it starts anew and finds its rules", async () => {
    agent = proxy();
    await agent.sync(signal);
    expect(restores).toEqual([]);
    expect(await network.ask("client", { protocol: "TCP", address: "192.0.2.1", port: 30080 })).toBe(
      "pod-1 10.244.1.1",
    );
  });

  it("rewrites exactly the chain in which a rule was altered while it was away", async () => {
    const chains = (await inside.run(`iptables-${flavour}`, ["-t", "nat", "-S"], { signal })).stdout;
    const chain = /^-N (KUBE-SVC-\S+)$/m.exec(chains)?.[1] ?? "";
    await inside.run(`iptables-${flavour}`, ["-t", "nat", "-R", chain, "1", "-j", "RETURN"], { signal });
    agent = proxy();
    await agent.sync(signal);
    expect(restores).toHaveLength(1);
    expect(restores[0]!.split("\n").filter((line) => /^[:*]|^-[IX]/.test(line))).toEqual(["*nat", `:${chain} - [0:0]`]);
    await proxy().sync(signal);
    expect(restores).toHaveLength(1);
  });

  it("puts a missing jump back where it belongs", async () => {
    const rules = async () => (await inside.run(`iptables-${flavour}`, ["-S", "INPUT"], { signal })).stdout;
    const before = await rules();
    await inside.run(`iptables-${flavour}`, ["-D", "INPUT", "2"], { signal });
    expect(await rules()).not.toBe(before);
    agent = proxy();
    await agent.sync(signal);
    expect(restores.map((text) => text.split("\n").length)).toEqual([4]);
    expect(await rules()).toBe(before);
  });

  it("takes all of a Service away with it", async () => {
    state.services.delete("ns/web");
    agent.serviceChanged("ns/web");
    await agent.sync(signal);
    for (const tables of ["iptables", "ip6tables"]) {
      const { stdout } = await inside.run(`${tables}-${flavour}-save`, [], { signal });
      expect(stdout).not.toMatch(/KUBE-(SVC|SVL|SEP|EXT|FW)-|ns\/web/);
    }
  });
});
