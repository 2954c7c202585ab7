import gax from "google-gax";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { type Fault, ProviderError } from "../../src/provider/index.ts";
import { listOf, pollOf } from "./calls.ts";
import { type Call, connect } from "./client.ts";
import { Cloud } from "./testing/cloud.ts";
import { settings } from "./testing/values.ts";

const { signal } = new AbortController();
let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start({ pageSize: 2 });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => {
  cloud.gce.faults.length = 0;
  cloud.gce.journal.length = 0;
});

const read: Call = { ...listOf("firewall", undefined, settings), kind: "read" };
const write: Call = {
  kind: "write",
  collection: "addresses",
  method: "insert",
  request: { project: "shop", region: "europe-west1", addressResource: { name: "a", addressType: "EXTERNAL" } },
  attempt: { what: "insert address a", permission: "compute.addresses.create", project: "shop" },
};

function answer(status: number, body: object = {}, headers: Readonly<Record<string, string>> = {}): void {
  cloud.gce.faults.push({ fits: () => true, how: { kind: "answer", status, body, headers } });
}

async function faultOf(call: Call): Promise<Fault | string> {
  try {
    await cloud.client().call(call, signal);
    return "no error";
  } catch (error) {
    return error instanceof ProviderError ? error.fault : String(error);
  }
}

function errorBody(code: number, reason: string, message: string, details?: readonly object[]): object {
  return { error: { code, message, errors: [{ message, domain: "global", reason }], ...(details && { details }) } };
}

/** https://cloud.google.com/apis/design/errors#error_info */
const rateInfo = {
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason: "RATE_LIMIT_EXCEEDED",
  domain: "googleapis.com",
  metadata: { quota_metric: "compute.googleapis.com/read_requests", service: "compute.googleapis.com" },
};

it.each<[string, number, object, Fault]>([
  [
    "403 for too many requests",
    403,
    errorBody(403, "rateLimitExceeded", "Slow down", [rateInfo]),
    { kind: "throttled", scope: "compute.googleapis.com/read_requests of project shop", retryAfterMs: 30_000 },
  ],
  [
    "429",
    429,
    errorBody(429, "tooMany", "Slow down"),
    { kind: "throttled", scope: "project shop", retryAfterMs: 30_000 },
  ],
  [
    "403 without a right",
    403,
    errorBody(403, "forbidden", "Required 'compute.firewalls.list' permission for 'x'"),
    { kind: "forbidden", action: "compute.firewalls.list in project shop" },
  ],
  [
    "401",
    401,
    errorBody(401, "authError", "Invalid Credentials"),
    {
      kind: "blocked",
      reason: "CredentialsRefused",
      remedy: "give the controller credentials that Google Cloud takes",
    },
  ],
  ["404", 404, errorBody(404, "notFound", "not found"), { kind: "notFound" }],
  ["409", 409, errorBody(409, "alreadyExists", "already exists"), { kind: "retryable" }],
  ["412", 412, errorBody(412, "conditionNotMet", "Invalid fingerprint."), { kind: "retryable" }],
  ["500", 500, {}, { kind: "retryable" }],
  ["503", 503, errorBody(503, "backendError", "try later"), { kind: "retryable" }],
])("tells what %s means, and sends nothing again by itself", async (_, status, body, fault) => {
  answer(status, body);
  for (const call of [read, write]) {
    cloud.gce.journal.length = 0;
    expect(await faultOf(call)).toEqual(fault);
    expect(cloud.gce.journal).toHaveLength(1);
  }
});

it("waits as long as it is told to", async () => {
  answer(429, {}, { "retry-after": "7" });
  expect(await faultOf(read)).toMatchObject({ kind: "throttled", retryAfterMs: 7000 });
});

it("tells of a connection that was cut that it may try again", async () => {
  cloud.gce.faults.push({ fits: () => true, how: { kind: "lose" } });
  expect(await faultOf(read)).toEqual({ kind: "retryable" });
});

it("reads no definitions again for an error with details, which takes the client 300 ms", async () => {
  answer(403, errorBody(403, "rateLimitExceeded", "Slow down", [rateInfo]));
  const parse = vi.spyOn(gax.fallback.protobuf.Root, "fromJSON");
  for (let i = 0; i < 20; i++) expect(await faultOf(read)).toMatchObject({ kind: "throttled" });
  expect(parse).not.toHaveBeenCalled();
});

it("reads the definitions of one version of the API once, for all parts of it", async () => {
  const parse = vi.spyOn(gax.fallback.protobuf.Root, "fromJSON");
  await connect(cloud.gce.url);
  expect(parse).toHaveBeenCalledOnce();
  const definitions = JSON.stringify(parse.mock.calls[0]);
  expect(definitions).toContain('"RegionBackendServices":');
  expect(definitions).toContain('"protobuf":');
  expect(definitions).not.toContain('"v1beta":');
});

it("reads a list page by page, each by a request of its own", async () => {
  for (const name of ["f1", "f2", "f3"])
    cloud.gce.world.put(`projects/shop/global/firewalls/${name}`, { name, allowed: [{ IPProtocol: "all" }] });
  const pages = await cloud.client().list(listOf("firewall", undefined, settings), signal);
  expect(pages.flatMap(({ items }) => (items as { name: string }[]).map(({ name }) => name))).toEqual([
    "f1",
    "f2",
    "f3",
  ]);
  expect(cloud.gce.journal).toHaveLength(2);
});

it("answers with plain data: without the client's marks, and with the names that the API has", async () => {
  cloud.gce.world.put("projects/shop/regions/europe-west1/forwardingRules/r", {
    name: "r",
    IPAddress: "34.0.0.1",
    IPProtocol: "TCP",
    allPorts: true,
  });
  const [page] = await cloud.client().list(listOf("forwardingRule", undefined, settings), signal);
  const [rule] = page!["items"] as readonly Record<string, unknown>[];
  expect(rule).toMatchObject({ name: "r", IPAddress: "34.0.0.1", IPProtocol: "TCP", allPorts: true, ports: [] });
  expect(Object.keys(rule!).filter((key) => key.startsWith("_"))).toEqual([]);
});

it("patches what is asked for alone, though the client would empty each map as well", async () => {
  cloud.gce.world.put("projects/shop/regions/europe-west1/forwardingRules/r", {
    name: "r",
    loadBalancingScheme: "INTERNAL",
    allowGlobalAccess: true,
  });
  const request = {
    project: "shop",
    region: "europe-west1",
    forwardingRule: "r",
    forwardingRuleResource: { allowGlobalAccess: false },
  };
  await cloud.client().call({ ...write, collection: "forwardingRules", method: "patch", request }, signal);
  const rule = cloud.gce.world.get("projects/shop/regions/europe-west1/forwardingRules/r");
  expect(rule).toMatchObject({ name: "r", loadBalancingScheme: "INTERNAL" });
  // It was true; that it is not is not said.
  expect(rule).not.toHaveProperty("allowGlobalAccess");
  expect(rule).not.toHaveProperty("labels");
});

it("gives no credentials over plain http", async () => {
  await cloud.client().call(read, signal);
  expect(cloud.gce.journal.map(({ isAuthorized }) => isAuthorized)).toEqual([false]);
});

it("sends no write past the fence, and reads and polls all the same", async () => {
  const client = cloud.client(() => "the lease is gone");
  await client.call(read, signal);
  await expect(client.call(write, signal)).rejects.toThrow("not sent: the lease is gone");
  await expect(client.call(pollOf({ kind: "address", name: "a" }, "operation-0", settings), signal)).rejects.toThrow(
    "not found",
  );
  expect(cloud.gce.journal.map(({ method, isWrite }) => [method, isWrite])).toEqual([
    ["list", false],
    ["get", false],
  ]);
});

it("keeps nothing of a request that is over until a time limit of the client's own has come", async () => {
  const limit = vi.spyOn(AbortSignal, "timeout");
  await cloud.client().call(read, signal);
  expect(limit).not.toHaveBeenCalled();
});

it("ends a request that nobody waits for any more", async () => {
  const abort = new AbortController();
  cloud.gce.faults.push({ fits: () => true, how: { kind: "hang" } });
  const asked = cloud.client().call(read, abort.signal);
  await vi.waitFor(() => expect(cloud.gce.journal).toHaveLength(1));
  abort.abort(new Error("nobody waits"));
  await expect(asked).rejects.toThrow("nobody waits");
  await cloud.gce.idle();
});
