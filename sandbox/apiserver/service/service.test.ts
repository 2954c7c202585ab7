import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cidr, type Reply, startServer, TestClient } from "../fixture.ts";
import type { ApiServer } from "../index.ts";

const services = "/api/v1/namespaces/default/services";

let server: ApiServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer({
    serviceCidrs: [cidr("10.96.0.0/24"), cidr("fd00::/108")],
    nodePorts: { first: 30_000, last: 30_019 },
  });
  client = new TestClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

function create(name: string, spec: object): Promise<Reply> {
  return client.post(services, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
}

function spec({ body }: Reply): any {
  return body["spec"];
}

describe("addresses", () => {
  it("come back when the Service goes, and only then", async () => {
    const asked = { clusterIP: "10.96.0.20", type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] };
    expect(await create("first", asked)).toMatchObject({ status: 201 });
    expect(await create("second", asked)).toMatchObject({ status: 422 });
    expect(await create("second", { ...asked, clusterIP: "10.96.0.21" })).toMatchObject({ status: 422 });
    await client.delete(`${services}/first`);
    expect(await create("second", asked)).toMatchObject({ status: 201 });
    await client.delete(`${services}/second`);
  });

  it("of a status are warned about when they are written in another way than they are read", async () => {
    await create("spelled", { type: "LoadBalancer" });
    const status = (...ips: string[]) => ({ status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } });
    const patch = (...ips: string[]) => client.patch(`${services}/spelled/status`, status(...ips));
    expect((await patch("203.0.113.1", "2001:db8:1::")).headers.get("warning")).toBeNull();
    expect((await patch("203.0.113.1", "2001:db8:1::0")).headers.get("warning")).toContain(
      'status.loadBalancer.ingress[1]: IPv6 address \\"2001:db8:1::0\\" should be in RFC 5952 canonical format',
    );
    await client.delete(`${services}/spelled`);
  });

  it("are not kept by a write that is refused or only tried", async () => {
    const asked = { clusterIP: "10.96.0.30", type: "NodePort", ports: [{ port: 80, nodePort: 30_002 }] };
    expect(await create("bad", { ...asked, sessionAffinity: "Maybe" })).toMatchObject({ status: 422 });
    const dry = await client.post(`${services}?dryRun=All`, { metadata: { name: "dry" }, spec: asked });
    expect(dry).toMatchObject({ status: 201 });
    expect(await create("real", asked)).toMatchObject({ status: 201 });
    await client.delete(`${services}/real`);
  });

  it("run out with a clear error, and the static band is used last", async () => {
    // 20 ports: a static band of 16, so the first four come from behind it.
    const taken: number[] = [];
    for (let i = 0; i < 20; i++) taken.push(spec(await create(`full-${i}`, { type: "NodePort" })).ports[0].nodePort);
    expect(new Set(taken.slice(0, 4))).toEqual(new Set([30_016, 30_017, 30_018, 30_019]));
    expect(new Set(taken).size).toBe(20);
    expect(await create("one-more", { type: "NodePort" })).toMatchObject({
      status: 500,
      body: { message: "Internal error occurred: failed to allocate a nodePort: range is full" },
    });
    for (let i = 0; i < 20; i++) await client.delete(`${services}/full-${i}`);
  });

  it("of one port number serve both protocols", async () => {
    const ports = [
      { name: "u", port: 53, protocol: "UDP" },
      { name: "t", port: 53, protocol: "TCP" },
    ];
    const [udp, tcp] = spec(await create("dns", { type: "NodePort", ports })).ports;
    expect(udp.nodePort).toBe(tcp.nodePort);
    await client.delete(`${services}/dns`);
  });
});

describe("families", () => {
  it("grow to two and shrink to one", async () => {
    const path = `${services}/dual`;
    expect(spec(await create("dual", {}))).toMatchObject({ ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" });
    const grown = spec(await client.patch(path, { spec: { ipFamilyPolicy: "RequireDualStack" } }));
    expect(grown).toMatchObject({ ipFamilies: ["IPv4", "IPv6"], clusterIPs: [grown.clusterIP, expect.any(String)] });
    expect(await client.patch(path, { spec: { clusterIPs: [grown.clusterIP] } })).toMatchObject({ status: 422 });
    expect(spec(await client.patch(path, { spec: { ipFamilyPolicy: "SingleStack" } }))).toMatchObject({
      ipFamilies: ["IPv4"],
      clusterIPs: [grown.clusterIP],
    });
    expect(await create("again", { clusterIPs: [grown.clusterIPs[1]], clusterIP: grown.clusterIPs[1] })).toMatchObject({
      status: 201,
    });
    await client.delete(path);
    await client.delete(`${services}/again`);
  });

  it("of a headless Service without selector are both", async () => {
    expect(spec(await create("headless", { clusterIP: "None" }))).toMatchObject({
      clusterIPs: ["None"],
      ipFamilies: ["IPv4", "IPv6"],
      ipFamilyPolicy: "RequireDualStack",
    });
    await client.delete(`${services}/headless`);
  });
});

describe("load balancer", () => {
  it("loses what belongs to its type with its type, but not its conditions", async () => {
    const path = `${services}/lb`;
    await create("lb", { type: "LoadBalancer", loadBalancerClass: "x.dev/y", externalTrafficPolicy: "Local" });
    const condition = { type: "x.dev/Ready", status: "True", reason: "Up", message: "", lastTransitionTime: null };
    const written = await client.patch(`${path}/status`, {
      metadata: { finalizers: ["x.dev/z"], annotations: { a: "b" } },
      spec: { type: "ClusterIP" },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] }, conditions: [condition] },
    });
    expect(written.body).toMatchObject({
      metadata: { finalizers: ["x.dev/z"], annotations: { a: "b" } },
      spec: { type: "LoadBalancer", healthCheckNodePort: expect.any(Number) },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] } },
    });
    expect(await client.patch(path, { spec: { loadBalancerClass: "x.dev/other" } })).toMatchObject({ status: 422 });
    const { body } = await client.patch(path, { spec: { type: "ClusterIP" } });
    expect(body["status"]).toMatchObject({ loadBalancer: {}, conditions: [{ type: "x.dev/Ready" }] });
    for (const field of [
      "loadBalancerClass",
      "allocateLoadBalancerNodePorts",
      "healthCheckNodePort",
      "externalTrafficPolicy",
    ])
      expect(body["spec"]).not.toHaveProperty(field);
    expect(spec({ body } as Reply).ports[0]).not.toHaveProperty("nodePort");
    await client.delete(path);
    expect(await client.get(path)).toMatchObject({
      status: 200,
      body: { metadata: { deletionTimestamp: expect.any(String) } },
    });
    await client.patch(path, { metadata: { finalizers: null } });
    expect(await client.get(path)).toMatchObject({ status: 404 });
  });

  it("allocates node ports only when it may", async () => {
    const path = `${services}/portless`;
    const created = spec(await create("portless", { type: "LoadBalancer", allocateLoadBalancerNodePorts: false }));
    expect(created.ports[0]).not.toHaveProperty("nodePort");
    const allowed = spec(await client.patch(path, { spec: { allocateLoadBalancerNodePorts: true } }));
    expect(allowed.ports[0].nodePort).toEqual(expect.any(Number));
    const kept = spec(await client.patch(path, { spec: { allocateLoadBalancerNodePorts: false } }));
    expect(kept.ports[0].nodePort).toBe(allowed.ports[0].nodePort);
    await client.delete(path);
  });
});
