import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseBalancerConfig } from "../../../../src/balancer/config.ts";
import { FakeClock } from "../../../../src/base/fake-clock.ts";
import type { DesiredLoadBalancer } from "../../../../src/model/index.ts";
import { isConverged, type OwnedObject, type Plan, type ScopeKey } from "../../../../src/provider/index.ts";
import type { ProxyAdapter } from "../../adapter.ts";
import { namesOf } from "../../names.ts";
import { converge, desiredLb, ip, node } from "../../testing.ts";
import type { ContainerProgram } from "../choice.ts";
import { containerAdapter } from "./testing/bed.ts";
import { FakeContainers } from "./testing/fake-containers.ts";

const { signal } = new AbortController();
const lb = desiredLb({ families: ["IPv6", "IPv4"], addresses: [] });
const nodes = [node("a", "172.18.0.2", "fc00:f853:ccd:e793::2")];
const key = { kind: "service", id: lb.id } as const;

describe.each<ContainerProgram>(["docker", "podman"])("load balancers in containers of %s", (program) => {
  let fake: FakeContainers;
  let stateDir: string;
  let adapter: ProxyAdapter;

  beforeEach(async () => {
    fake = new FakeContainers(program);
    stateDir = await mkdtemp(join(tmpdir(), "berth-container-"));
    adapter = containerAdapter(fake, stateDir, lb.id.clusterId);
  });

  afterEach(() => rm(stateDir, { recursive: true }));

  async function want(next: DesiredLoadBalancer | null): Promise<readonly string[]> {
    const desired = next === null ? null : ({ kind: "service", lb: next, nodes } as const);
    return (await converge(adapter, desired, lb.id, signal)).map(({ summary }) => summary);
  }

  async function plan(next: DesiredLoadBalancer): Promise<Plan> {
    return adapter.plan(key, { kind: "service", lb: next, nodes }, await adapter.observe(key, "live", signal));
  }

  async function ingress(next = lb): Promise<(string | undefined)[]> {
    return adapter.status(next, await adapter.observe(key, "live", signal)).ingress.map((entry) => entry.ip);
  }

  function owned(clusterId = lb.id.clusterId): Promise<OwnedObject[]> {
    return Array.fromAsync(adapter.listOwned(clusterId, signal));
  }

  function directory(): string {
    return namesOf(stateDir, lb.id).directory;
  }

  it("makes one with labels, restart policy and what the balancer needs, and takes every trace of it away", async () => {
    expect(await want(lb)).toEqual(["create directory, create network, create process", "create config"]);
    expect(fake.only.spec).toEqual({
      name: expect.stringMatching(/^berth-lb-[0-9a-f]{12}$/),
      image: "berth:latest",
      args: ["balancer", "--state-dir", "/run/berth", "--await-config"],
      labels: {
        "berth.dev/cluster": "cluster-1",
        "berth.dev/service-uid": "11111111-2222",
        "berth.dev/service-namespace": "default",
        "berth.dev/service-name": "web",
        "berth.dev/directory": directory(),
      },
      restart: "unless-stopped",
      network: "kind",
      requested: [],
      capabilities: ["NET_ADMIN"],
      sysctls: {
        "net.ipv4.ip_forward": "1",
        "net.ipv4.icmp_ratelimit": "0",
        "net.ipv6.conf.all.disable_ipv6": "0",
        "net.ipv6.conf.all.forwarding": "1",
        "net.ipv6.icmp.ratelimit": "0",
      },
      mount: { source: directory(), target: "/run/berth" },
    });
    // In the order of the Service's families, as inspect tells them.
    expect(await ingress()).toEqual(["fc00:f853:ccd:e793::3", "172.18.0.3"]);
    const config = parseBalancerConfig(await readFile(join(directory(), "config.json"), "utf8"), "");
    expect(config.addresses).toEqual(["fc00:f853:ccd:e793::3", "172.18.0.3"]);
    expect(adapter.capabilities.needsAddresses).toBe(false);

    expect(await want(null)).toEqual(["delete process, delete network, delete directory"]);
    expect([fake.containers.size, existsSync(directory()), await owned()]).toEqual([0, false, []]);
    expect(await want(null)).toEqual([]);
  });

  it("adopts what an earlier controller made, without a change", async () => {
    await want(lb);
    const { changes } = fake;
    adapter = containerAdapter(fake, stateDir, lb.id.clusterId);
    expect(await want(lb)).toEqual([]);
    expect(await ingress()).toHaveLength(2);
    expect(fake.changes).toBe(changes);
    expect(await owned()).toEqual([
      { scope: key, ref: directory(), retained: false, addresses: ["fc00:f853:ccd:e793::3", "172.18.0.3"] },
    ]);
    expect(await owned("another cluster")).toEqual([]);
  });

  it("starts one that was stopped, and tells the address that it then has", async () => {
    const other = containerAdapter(fake, stateDir, lb.id.clusterId);
    await want(lb);
    const { only } = fake;
    const id = { ...lb.id, uid: "another", name: "api" };
    await converge(other, { kind: "service", lb: { ...lb, id }, nodes }, id, signal);
    fake.reboot([...fake.containers.values()].reverse());
    expect(only.addresses).toEqual(["172.18.0.4/16", "fc00:f853:ccd:e793::4/64"]);
    const moved = await plan(lb);
    expect([moved.summary, moved.replacesAddress]).toEqual(["update config", false]);
    await want(lb);
    expect(await ingress()).toEqual(["fc00:f853:ccd:e793::4", "172.18.0.4"]);
    only.end(137, "exited");
    expect((await want(lb))[0]).toBe("create process");
    expect(await ingress()).toHaveLength(2);
  });

  it("asks for the addresses that the Service asks for, and replaces nothing unasked", async () => {
    fake.networks.set("kind", { v4: "172.18.0.0/16", v6: "fc00:f853:ccd:e793::/64", configured: true });
    const asking = { ...lb, requestedAddresses: [ip("172.18.0.99")] };
    await want(asking);
    expect(await ingress(asking)).toEqual(["fc00:f853:ccd:e793::3", "172.18.0.99"]);
    const other = await plan({ ...lb, requestedAddresses: [ip("172.18.0.98")] });
    expect([other.replacesAddress, other.summary]).toEqual([true, "delete stray, create network, create process"]);
    await want({ ...lb, requestedAddresses: [ip("172.18.0.98")] });
    expect(await ingress()).toEqual(["fc00:f853:ccd:e793::3", "172.18.0.98"]);
    // Who does not ask any more keeps it.
    expect(await want(lb)).toEqual([]);
  });

  it("makes one anew that lost its directory or its network", async () => {
    await want(lb);
    await rm(directory(), { recursive: true });
    expect(await owned()).toEqual([{ scope: key, ref: directory(), retained: false, addresses: [] }]);
    expect((await want(lb))[0]).toBe("create directory, delete stray, create network, create process");
    expect(await ingress()).toHaveLength(2);
    fake.only.connected = false;
    expect((await want(lb))[0]).toBe("delete stray, create network, create process");
    expect(await ingress()).toHaveLength(2);
    await rm(directory(), { recursive: true });
    await want(null);
    expect([fake.containers.size, await owned()]).toEqual([0, []]);
  });

  it("does not touch a container of its name that does not bear its labels", async () => {
    await want(lb);
    const { only } = fake;
    Object.assign(only, { spec: { ...only.spec, labels: { "com.example/mine": "yes" } } });
    await expect(want({ ...lb, sourceRanges: [] })).rejects.toThrow(/has not its labels/);
    await expect(want(null)).rejects.toThrow(/has not its labels/);
    await rm(directory(), { recursive: true });
    expect(await want(null)).toEqual([]);
    const labels = { "berth.dev/cluster": "another", "berth.dev/service-uid": "x" };
    Object.assign(only, { spec: { ...only.spec, labels } });
    await expect(want(lb)).rejects.toThrow("the container of this load balancer belongs to another one");
    expect([...fake.containers.values()]).toEqual([only]);
  });

  it("lets a retained one serve on, and lists it as retained", async () => {
    await want(lb);
    expect(await want({ ...lb, retain: true })).toEqual(["update directory"]);
    expect(fake.only.status).toBe("running");
    expect(await owned()).toMatchObject([{ scope: key, retained: true }]);
  });

  it("says why a balancer ends again and again", async () => {
    await want(lb);
    fake.only.crashes = "berth balancer: nft: not permitted";
    await expect(want({ ...lb, ports: lb.ports.slice(1) })).rejects.toThrow(
      "the balancer ended at once (exit code 1): berth balancer: nft: not permitted",
    );
    await want(null);
    expect(fake.containers.size).toBe(0);
  });

  it("says which family the network lacks, and serves without IPv6 where it is not asked for", async () => {
    fake.networks.set("kind", { v4: "172.18.0.0/16", configured: false });
    await expect(want(lb)).rejects.toMatchObject({
      message: "the container has no address of IPv6: its network has none",
      fault: { kind: "blocked", reason: "AddressFamilyMissing" },
    });
    expect(Object.keys(fake.only.spec.sysctls)).toEqual(["net.ipv4.ip_forward", "net.ipv4.icmp_ratelimit"]);
    await want({ ...lb, families: ["IPv4"] });
    expect(await ingress({ ...lb, families: ["IPv4"] })).toEqual(["172.18.0.3"]);
  });

  it.each<[string, (broken: FakeContainers) => void, string, RegExp]>([
    ["the engine is down", (broken) => (broken.state = "down"), "EngineUnavailable", /does not answer/],
    ["the engine is forbidden", (broken) => (broken.state = "forbidden"), "EngineForbidden", /this user/],
    ["the image is gone", (broken) => broken.images.clear(), "ImageMissing", /there is no image berth:latest/],
    ["the network is gone", (broken) => broken.networks.clear(), "NetworkMissing", /there is no network kind/],
  ])("waits for a person when %s", async (_, breaks, reason, message) => {
    breaks(fake);
    await expect(want(lb)).rejects.toMatchObject({
      message: expect.stringMatching(message),
      fault: { kind: "blocked", reason, remedy: expect.any(String) },
    });
    expect(fake.containers.size).toBe(0);
  });

  it.each<[string, string, boolean, string]>([
    ["taken", "172.18.0.2", true, "AddressInUse"],
    ["of another network", "10.0.0.1", true, "AddressNotOnNetwork"],
  ])("waits for a person when the address is %s", async (_, address, configured, reason) => {
    fake.networks.set("kind", { v4: "172.18.0.0/16", configured });
    const asking = { ...lb, families: ["IPv4"] as const, requestedAddresses: [ip(address)] };
    await expect(want(asking)).rejects.toMatchObject({ fault: { kind: "blocked", reason } });
    await want(null);
    expect(fake.containers.size).toBe(0);
  });

  it("tells when one has ended that ran before", async () => {
    await want(lb);
    const clock = new FakeClock();
    const told: ScopeKey[] = [];
    using _watch = containerAdapter(fake, stateDir, lb.id.clusterId, { clock }).watchHealth((id) => told.push(id));
    // The directories that there are already are found by reading.
    await vi.waitFor(() => {
      clock.advance(2000);
      expect(fake.asked.at(-1)).toEqual(expect.arrayContaining(["ps", "status=running"]));
    });
    expect(told).toEqual([]);
    fake.only.end(1, "exited");
    await vi.waitFor(() => {
      clock.advance(2000);
      expect(told).toEqual([key]);
    });
  });

  it("rule 5: changes nothing once the fence says no", async () => {
    for (let allowed = 0; ; allowed++) {
      let left = allowed;
      const fence = (): string | undefined => (left-- > 0 ? undefined : "the lease is gone");
      adapter = containerAdapter(fake, stateDir, lb.id.clusterId, { fence });
      const { changes } = fake;
      const error = await want(lb).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      if (error === undefined) break;
      expect(error).toMatchObject({ name: "NotSentError" });
      expect(fake.changes - changes).toBeLessThanOrEqual(allowed);
    }
    expect(isConverged(await plan(lb))).toBe(true);
  });
});

it("asks Docker for an address only where the subnet was written down, and says so", async () => {
  const fake = new FakeContainers("docker");
  const stateDir = await mkdtemp(join(tmpdir(), "berth-container-"));
  const adapter = containerAdapter(fake, stateDir, lb.id.clusterId);
  const asking = { ...lb, requestedAddresses: [ip("172.18.0.50")] };
  await expect(converge(adapter, { kind: "service", lb: asking, nodes }, lb.id, signal)).rejects.toMatchObject({
    fault: { reason: "AddressNotOnNetwork", remedy: expect.stringContaining("--subnet") },
  });
  await rm(stateDir, { recursive: true });
});
