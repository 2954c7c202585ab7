import { afterAll, beforeAll, expect, it } from "vitest";
import { FakeGce } from "./index.ts";

const region = "projects/p/regions/r";
const zone = "projects/p/zones/r-a";
const firewalls = "projects/p/global/firewalls";
const link = (path: string): string => `https://www.googleapis.com/compute/v1/${path}`;
const subnetwork = link(`${region}/subnetworks/s`);
const firewall = { name: "w", network: link("projects/p/global/networks/n"), allowed: [{ IPProtocol: "all" }] };

let gce: FakeGce;

beforeAll(async () => {
  const machines = [{ name: "m1", zone: "r-a", address: "10.0.0.1", subnetwork: "s" }];
  const place = { project: "p", region: "r", network: "n", subnetworks: ["s"], probe: () => true };
  gce = await FakeGce.start({ ...place, steps: 0, machines, pageSize: 2 });
  await ok("POST", firewalls, firewall);
  for (const name of ["g1", "g3"]) await ok("POST", `${zone}/instanceGroups`, { name });
  const instances = [{ instance: link(`${zone}/instances/m1`) }];
  await ok("POST", `${zone}/instanceGroups/g1/addInstances`, { instances });
});
afterAll(() => gce[Symbol.asyncDispose]());

async function send(verb: string, path: string, body?: object): Promise<{ status: number; body: object }> {
  const init = { method: verb, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(new URL(`/compute/v1/${path}`, gce.url), init);
  return { status: response.status, body: (await response.json()) as object };
}

async function ok(verb: string, path: string, body?: object): Promise<object> {
  const answer = await send(verb, path, body);
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}

it("lists by name, in pages", async () => {
  for (const name of ["w2", "w3", "x1"]) await ok("POST", firewalls, { ...firewall, name });
  const query = new URLSearchParams({ filter: 'name eq "w.*"' });
  const first = await ok("GET", `${firewalls}?${query.toString()}`);
  expect(first).toMatchObject({ items: [{ name: "w" }, { name: "w2" }], nextPageToken: "2" });
  query.set("pageToken", "2");
  expect(await ok("GET", `${firewalls}?${query.toString()}`)).not.toHaveProperty("nextPageToken");
  expect(await send("GET", `${firewalls}?filter=size>3`)).toMatchObject({ status: 400 });
});

it("lists a group of whole machines, which is where its first one is", async () => {
  expect(await ok("POST", `${zone}/instanceGroups/g1/listInstances`, { instanceState: "ALL" })).toEqual({
    items: [expect.objectContaining({ instance: link(`${zone}/instances/m1`) })],
  });
  expect(await ok("GET", `${zone}/instanceGroups/g1`)).toMatchObject({ size: 1, subnetwork });
  expect(await ok("GET", `${zone}/instanceGroups/g3`)).not.toHaveProperty("network");
  await ok("POST", `${zone}/instanceGroups/g1/removeInstances`, {
    instances: [{ instance: link(`${zone}/instances/m1`) }],
  });
  expect(await ok("GET", `${zone}/instanceGroups/g1`)).toMatchObject({ size: 0, subnetwork });
});

it("has no other part of the API", async () => {
  expect(await send("GET", "projects/p/zones/r-a/disks")).toMatchObject({ status: 404 });
  const ports = { namedPorts: [] };
  expect(await send("POST", `${zone}/instanceGroups/g1/setNamedPorts`, ports)).toMatchObject({ status: 404 });
});
