// A stand-in that has one whole load balancer, and plain requests to it.
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import type { Body } from "../body.ts";
import { FakeGce, type FakeGceOptions, type Machine } from "../index.ts";

export const region = "projects/p/regions/r";
export const zone = "projects/p/zones/r-a";
export const firewalls = "projects/p/global/firewalls";
export const subnetwork: string = link(`${region}/subnetworks/s`);

const network = link("projects/p/global/networks/n");
const machines: readonly Machine[] = [
  { name: "m1", zone: "r-a", address: "10.0.0.1", subnetwork: "s" },
  { name: "m2", zone: "r-a", address: "10.0.0.2", subnetwork: "s2" },
  ...Array.from({ length: 1000 }, (_, i) => ({ name: `n${i}`, zone: "r-a", address: "10.0.1.1", subnetwork: "s" })),
];
const place = { project: "p", region: "r", network: "n", subnetworks: ["s", "s2"], probe: () => true };

export const group: Body = { name: "g", networkEndpointType: "GCE_VM_IP", network, subnetwork };
export const check: Body = { name: "h", type: "HTTP", httpHealthCheck: { port: 10_256, requestPath: "/healthz" } };
export const firewall: Body = { name: "w", network, allowed: [{ IPProtocol: "tcp", ports: ["80"] }] };
export const service: Body = {
  name: "b",
  loadBalancingScheme: "EXTERNAL",
  protocol: "TCP",
  healthChecks: [link(`${region}/healthChecks/h`)],
  backends: [{ group: link(`${zone}/networkEndpointGroups/g`), balancingMode: "CONNECTION" }],
};
export const rule: Body = {
  name: "f",
  IPAddress: "34.100.0.1",
  IPProtocol: "TCP",
  loadBalancingScheme: "EXTERNAL",
  networkTier: "PREMIUM",
  backendService: link(`${region}/backendServices/b`),
  ports: ["80"],
};

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export class Bed implements AsyncDisposable {
  readonly gce: FakeGce;

  private constructor(gce: FakeGce) {
    this.gce = gce;
  }

  static async start(options: Partial<FakeGceOptions> = {}): Promise<Bed> {
    return new Bed(await FakeGce.start({ ...place, steps: 0, machines, pageSize: 2, ...options }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gce[Symbol.asyncDispose]();
  }

  async send(verb: string, path: string, body?: object): Promise<Answer> {
    const init = { method: verb, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await fetch(new URL(`/compute/v1/${path}`, this.gce.url), init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** What must not be refused. */
  async ok(verb: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.send(verb, path, body);
    expect(answer).toMatchObject({ status: 200 });
    return answer.body;
  }

  /** One whole load balancer, and nothing else but two groups of one machine and an empty one. */
  async make(): Promise<void> {
    this.gce.clear();
    const endpoints = { networkEndpoints: [{ instance: "m1" }] };
    await this.ok("POST", `${region}/healthChecks`, check);
    await this.ok("POST", `${zone}/networkEndpointGroups`, group);
    await this.ok("POST", `${zone}/networkEndpointGroups/g/attachNetworkEndpoints`, endpoints);
    await this.ok("POST", `${region}/addresses`, { name: "a", networkTier: "PREMIUM" });
    await this.ok("POST", `${region}/backendServices`, service);
    await this.ok("POST", `${region}/forwardingRules`, rule);
    await this.ok("POST", firewalls, firewall);
    for (const name of ["g1", "g2", "g3"]) await this.ok("POST", `${zone}/instanceGroups`, { name });
    const instances = [{ instance: link(`${zone}/instances/m1`) }];
    for (const name of ["g1", "g2"])
      await this.ok("POST", `${zone}/instanceGroups/${name}/addInstances`, { instances });
  }
}

export function link(path: string): string {
  return `https://www.googleapis.com/compute/v1/${path}`;
}

/** One for all tests of a file, furnished anew for each; another one may take its place for a while. */
export function bedOfFile(): { current: Bed } {
  const holder = {} as { current: Bed };
  beforeAll(async () => {
    holder.current = await Bed.start();
  });
  afterAll(() => holder.current[Symbol.asyncDispose]());
  beforeEach(() => holder.current.make());
  return holder;
}
