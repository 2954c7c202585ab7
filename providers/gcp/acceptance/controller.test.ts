// G11 through the whole controller: the table of failures of reference/gcp.md, section 3, as a user meets each of them.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Fault } from "../../../sandbox/gce/server.ts";
import { Cloud } from "../testing/cloud.ts";
import { Controlled } from "../testing/controlled.ts";
import { settings } from "../testing/values.ts";

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start();
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

interface Row {
  /** Which requests are refused: the end of their paths. */
  readonly at: string;
  readonly status: number;
  /** Of an answer, or the code of an operation that fails at its end. */
  readonly reason: string;
  readonly message: string;
  readonly shown: string;
  /** A part of the condition's text. */
  readonly help?: string;
  /** How often it may be asked in the first 290 seconds. */
  readonly most: number;
}

/** Parked for five minutes, except that it is looked at again when another scope of its own is done. */
const park = 8;
/** Tried again with a back-off that doubles up to five minutes. */
const backOff = 16;
/** The provider pauses as long as it is told to, or half a minute and then longer. */
const pause = 8;

const rules = "forwardingRules";
const endpoints = "attachNetworkEndpoints";

const rows: Readonly<Record<string, Row>> = {
  "what a rule leads to is gone": {
    at: rules,
    status: 404,
    reason: "notFound",
    message: "The resource 'b' was not found",
    shown: "NotFound",
    most: backOff,
  },
  "a name that is taken": {
    at: rules,
    status: 409,
    reason: "alreadyExists",
    message: "The resource 'f' already exists",
    shown: "SyncFailed",
    most: backOff,
  },
  "a state that is old": {
    at: "backendServices",
    status: 412,
    reason: "conditionNotMet",
    message: "Invalid fingerprint.",
    shown: "SyncFailed",
    most: backOff,
  },
  "what another operation works on": {
    at: rules,
    status: 400,
    reason: "resourceNotReady",
    message: "The resource 'f' is not ready",
    shown: "SyncFailed",
    most: backOff,
  },
  "what another operation works on, by its operation": {
    at: rules,
    status: 400,
    reason: "RESOURCE_NOT_READY",
    message: "The resource 'f' is not ready",
    shown: "SyncFailed",
    most: backOff,
  },
  "a machine in two groups": {
    at: endpoints,
    status: 400,
    reason: "INSTANCE_IN_MULTIPLE_LOAD_BALANCED_IGS",
    message: "Validation failed for instance 'b1'",
    shown: "InstanceInTwoGroups",
    help: "take the machine out of the other load-balanced instance group",
    most: park,
  },
  "a machine in another subnetwork": {
    at: endpoints,
    status: 400,
    reason: "invalid",
    message: "Resource 'b1' is expected to be in the subnetwork 's' but is in 't'",
    shown: "MachineInOtherSubnet",
    help: "keep nodes in the subnetwork",
    most: park,
  },
  "an external address that is taken": {
    at: "addresses",
    status: 400,
    reason: "invalid",
    message: "Invalid value: Specified IP address is in-use and would result in a conflict.",
    shown: "AddressInUse",
    help: "ask for another address",
    most: park,
  },
  "an internal address that is taken": {
    at: "addresses",
    status: 409,
    reason: "IP_IN_USE_BY_ANOTHER_RESOURCE",
    message: "IP '10.0.0.9' is already being used by another resource.",
    shown: "AddressInUse",
    help: "ask for another address",
    most: park,
  },
  "an internal address of elsewhere": {
    at: "addresses",
    status: 400,
    reason: "invalid",
    message: "Requested internal IP address is outside the network/subnetwork range.",
    shown: "AddressOutsideSubnet",
    help: "ask for an address of the load balancer's subnetwork",
    most: park,
  },
  "ports that another rule has": {
    at: rules,
    status: 400,
    reason: "invalid",
    message: "Forwarding rule's port range is conflicting with forwarding rule 'b'",
    shown: "PortConflict",
    help: "take other ports, or another address",
    most: park,
  },
  "a tier that does not fit": {
    at: rules,
    status: 400,
    reason: "invalid",
    message: "The network tier of external IP is STANDARD, that of Address must be the same.",
    shown: "NetworkTierMismatch",
    help: "ask for an address of the load balancer's tier",
    most: park,
  },
  "a policy of the organization": {
    at: rules,
    status: 412,
    reason: "conditionNotMet",
    message: "Constraint constraints/compute.x violated for projects/shop.",
    shown: "OrganizationPolicy",
    help: "ask who administers the organization's policies",
    most: park,
  },
  "a quota": {
    at: "firewalls",
    status: 403,
    reason: "quotaExceeded",
    message: "Quota 'FIREWALLS' exceeded.  Limit: 500.0 globally.",
    shown: "QuotaExceeded",
    help: "raise the limit FIREWALLS (500)",
    most: park,
  },
  "a quota, by its operation": {
    at: rules,
    status: 403,
    reason: "QUOTA_EXCEEDED",
    message: "Quota 'FORWARDING_RULES' exceeded.  Limit: 3.0 in region europe-west1.",
    shown: "QuotaExceeded",
    help: "raise the limit FORWARDING_RULES (3)",
    most: park,
  },
  "too many requests": {
    at: rules,
    status: 403,
    reason: "rateLimitExceeded",
    message: "Rate Limit Exceeded",
    shown: "Throttled",
    most: pause,
  },
  "too many requests, in the newer form": {
    at: rules,
    status: 429,
    reason: "",
    message: "Too Many Requests",
    shown: "Throttled",
    most: pause,
  },
  "a permission that is missing": {
    at: rules,
    status: 403,
    reason: "forbidden",
    message: "Required 'compute.forwardingRules.create' permission for 'projects/shop'",
    shown: "Forbidden",
    help: "allow compute.forwardingRules.create in project shop",
    most: park,
  },
  "a firewall that is somebody else's to change": {
    at: "firewalls",
    status: 403,
    reason: "forbidden",
    message: "Required 'compute.firewalls.create' permission for 'projects/shop'",
    shown: "FirewallForbidden",
    help: "gcloud compute firewall-rules create",
    most: park,
  },
  "anything else that is wrong": {
    at: rules,
    status: 400,
    reason: "invalid",
    message: "Too many ports specified. Maximum is 5.",
    shown: "RequestRefused",
    help: "change what Google Cloud objects to: Too many ports",
    most: park,
  },
  "trouble of its own": {
    at: rules,
    status: 503,
    reason: "backendError",
    message: "Backend Error",
    shown: "SyncFailed",
    most: backOff,
  },
};

/** Codes of operations are written in capitals. */
function faultOf({ at, status, reason, message }: Row): Fault {
  const fits: Fault["fits"] = ({ method, path }) => (method === "insert" || method === endpoints) && path.endsWith(at);
  if (/^[A-Z_]+$/.test(reason) && !reason.startsWith("IP_"))
    return { fits, how: { kind: "late", failure: { code: reason, message, status } } };
  const body = { error: { code: status, message, errors: [{ message, domain: "global", reason }] } };
  return { fits, how: { kind: "answer", status, body } };
}

it.each(Object.keys(rows))(
  "G11: %s is told once, with what to do, asked for again in time, and no obstacle afterwards",
  async (name) => {
    const row = rows[name]!;
    await using controlled = new Controlled(cloud);
    const { bench } = controlled;
    const fault = faultOf(row);
    cloud.gce.faults.push(fault);
    controlled.create("web");
    controlled.start();
    await controlled.until(() => bench.condition("web", "programmed") === `False ${row.shown}`, `it is ${row.shown}`);
    await controlled.pass(290_000);
    expect(bench.message("web", "programmed")).toContain(row.message);
    expect(bench.message("web", "programmed")).toContain(row.help ?? "");
    const told = bench.events.filter((text) => text.startsWith("Warning"));
    expect(told.map((text) => text.split(":")[1]?.trim())).toEqual([row.shown]);
    const asked = cloud.gce.journal.filter(({ method, path }) => fault.fits({ method, path })).length;
    expect(asked).toBeLessThanOrEqual(row.most);
    cloud.gce.faults.length = 0;
    const isWell = (): boolean =>
      bench.condition("web", "programmed") === "True Programmed" && bench.condition("web", "ready").startsWith("True ");
    await controlled.until(isWell, "it is served");
    expect(cloud.gce.dangling()).toEqual([]);
    expect(bench.eventReasons()).toContain("Normal EnsuredLoadBalancer");
  },
);

it("G11: what somebody else's rule still uses is named, is not waited for in a loop, and goes once it can", async () => {
  await using controlled = new Controlled(cloud);
  const { bench } = controlled;
  await controlled.startWith("web");
  const { project, region } = settings;
  const [service] = cloud.gce.world.list(/backendServices\/[^/]+$/);
  const theirs = `projects/${project}/regions/${region}/forwardingRules/theirs`;
  cloud.gce.world.put(theirs, { name: "theirs", IPAddress: "34.9.9.9", backendService: service?.["selfLink"] });
  bench.api.deleteService("web");
  await controlled.until(() => bench.events.some((text) => text.includes("already being used by")), "it is told");
  await controlled.pass(290_000);
  expect(bench.events.filter((text) => text.startsWith("Warning"))).toHaveLength(1);
  expect(bench.events.join()).toContain(theirs);
  const tries = cloud.gce.journal.filter(({ method, path }) => method === "delete" && path.includes("backendServices"));
  expect(tries.length).toBeLessThanOrEqual(backOff);
  // Its groups wait for it, less and less often.
  const looks = (): number => cloud.gce.journal.filter(({ method }) => method === "listNetworkEndpoints").length;
  expect(looks()).toBeLessThanOrEqual(backOff);
  cloud.gce.journal.length = 0;
  await controlled.pass(1_200_000);
  expect(looks()).toBeLessThanOrEqual(6);
  cloud.gce.world.remove(theirs);
  await controlled.until(() => bench.api.service("web") === undefined, "it goes");
});

it("G11: a group of machines that somebody else sends to as well is named, asked for ever less often, and goes once it can", async () => {
  await using controlled = new Controlled(cloud);
  const { bench } = controlled;
  await controlled.startWith("web");
  const { project, region } = settings;
  const [group] = cloud.gce.world.list(/networkEndpointGroups\/[^/]+$/);
  const theirs = `projects/${project}/regions/${region}/backendServices/theirs`;
  cloud.gce.world.put(theirs, { name: "theirs", backends: [{ group: group?.["selfLink"] }] });
  bench.api.deleteService("web");
  await controlled.until(() => bench.events.some((text) => text.includes("already being used by")), "it is told");
  cloud.gce.journal.length = 0;
  await controlled.pass(290_000);
  expect(bench.events.filter((text) => text.startsWith("Warning"))).toHaveLength(1);
  expect(bench.events.join()).toContain(theirs);
  const looks = (): number => cloud.gce.journal.filter(({ method }) => method === "listNetworkEndpoints").length;
  expect(looks()).toBeLessThanOrEqual(backOff);
  cloud.gce.journal.length = 0;
  await controlled.pass(1_200_000);
  // Before and after a try, each five minutes.
  expect(looks()).toBeLessThanOrEqual(8);
  cloud.gce.world.remove(theirs);
  await controlled.until(() => bench.api.service("web") === undefined, "it goes");
  expect(cloud.gce.world.list(/networkEndpointGroups\/[^/]+$/)).toEqual([]);
});

it("G19: with all refused as too many no request goes out beside the few that ask whether it is over", async () => {
  await using controlled = new Controlled(cloud);
  const { bench } = controlled;
  const body = {
    error: { code: 403, message: "Slow down", errors: [{ domain: "usageLimits", reason: "rateLimitExceeded" }] },
  };
  cloud.gce.faults.push({ fits: () => true, how: { kind: "answer", status: 403, body } });
  const names = Array.from({ length: 50 }, (_, i) => `web-${i}`);
  for (const name of names) controlled.create(name);
  controlled.start();
  await controlled.pass(60_000);
  // Each of the first reads takes its five turns.
  expect(cloud.gce.journal.length).toBeLessThanOrEqual(100);
  cloud.gce.clear();
  await controlled.until(
    () => names.every((name) => bench.condition(name, "ready").startsWith("True ")),
    "all are ready",
  );
});
