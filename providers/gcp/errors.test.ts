import { expect, it } from "vitest";
import { decide, type Fault } from "../../src/provider/index.ts";
import { type Failure, providerError } from "./errors.ts";

const attempt = { what: "insert firewall web", permission: "compute.firewalls.create", project: "shop" };

function failure(status: number, reason: string, message: string, rest: Partial<Failure> = {}): Failure {
  return { status, reasons: reason === "" ? [] : [reason], message, ...rest };
}

const blocked = (reason: string): object => ({ kind: "blocked", reason, remedy: expect.stringMatching(/\w/) });

it.each<[string, Failure, Fault | object, string]>([
  ["what is not there", failure(404, "notFound", "The resource 'x' was not found"), { kind: "notFound" }, "backOff"],
  [
    "a parent that is not there, by an operation",
    failure(400, "RESOURCE_NOT_FOUND", "The resource 'x' was not found"),
    { kind: "notFound" },
    "backOff",
  ],
  [
    "a name that is taken",
    failure(409, "alreadyExists", "The resource 'x' already exists"),
    { kind: "retryable" },
    "backOff",
  ],
  [
    "a name that is taken, by an operation",
    failure(409, "RESOURCE_ALREADY_EXISTS", "The resource 'x' already exists"),
    { kind: "retryable" },
    "backOff",
  ],
  [
    "what others use",
    failure(
      400,
      "resourceInUseByAnotherResource",
      "The healthCheck resource 'projects/shop/a' is already being used by 'projects/shop/b'",
    ),
    { kind: "retryable" },
    "backOff",
  ],
  [
    "what others use, in words alone",
    failure(400, "", "The resource 'a' is already being used by others"),
    { kind: "retryable" },
    "backOff",
  ],
  ["a state that is old", failure(412, "conditionNotMet", "Invalid fingerprint."), { kind: "retryable" }, "backOff"],
  [
    "what another operation works on",
    failure(400, "resourceNotReady", "The resource 'projects/shop/a' is not ready"),
    { kind: "retryable" },
    "backOff",
  ],
  ["a member that is one", failure(400, "memberAlreadyExists", "Already a member"), { kind: "retryable" }, "backOff"],
  [
    "a machine in two groups",
    failure(400, "instanceInMultipleLoadBalancedIgs", "Validation failed for instance 'a'"),
    blocked("InstanceInTwoGroups"),
    "park",
  ],
  [
    "a machine in two groups, by an operation",
    failure(400, "INSTANCE_IN_MULTIPLE_LOAD_BALANCED_IGS", "Validation failed for instance 'a'"),
    blocked("InstanceInTwoGroups"),
    "park",
  ],
  [
    "a machine in another subnetwork",
    failure(400, "invalid", "Resource 'a' is expected to be in the subnetwork 'b' but is in 'c'"),
    blocked("MachineInOtherSubnet"),
    "park",
  ],
  [
    "an external address that is taken",
    failure(400, "invalid", "Invalid value: Specified IP address is in-use and would result in a conflict."),
    blocked("AddressInUse"),
    "park",
  ],
  [
    "an internal address that is taken",
    failure(409, "IP_IN_USE_BY_ANOTHER_RESOURCE", "IP '10.0.0.9' is already being used by another resource."),
    blocked("AddressInUse"),
    "park",
  ],
  [
    "an internal address of elsewhere",
    failure(400, "invalid", "Requested internal IP address is outside the network/subnetwork range."),
    blocked("AddressOutsideSubnet"),
    "park",
  ],
  [
    "a subnetwork that is not there",
    failure(404, "notFound", "The resource 'projects/shop/regions/europe-west1/subnetworks/lbs' was not found"),
    blocked("SubnetNotFound"),
    "park",
  ],
  [
    "a network that is not there",
    failure(404, "notFound", "The resource 'projects/host/global/networks/shared' was not found"),
    blocked("NetworkNotFound"),
    "park",
  ],
  [
    "a region that is not there",
    failure(404, "notFound", "The resource 'projects/shop/regions/europe-west99' was not found"),
    blocked("RegionNotFound"),
    "park",
  ],
  [
    "a region that is not there, in other words",
    failure(400, "invalid", "Invalid value for field 'region': 'europe-west99'. Unknown region."),
    blocked("RegionNotFound"),
    "park",
  ],
  [
    "a project that is not there",
    failure(404, "notFound", "The resource 'projects/shop' was not found"),
    blocked("ProjectNotFound"),
    "park",
  ],
  [
    "a project without the API",
    failure(403, "accessNotConfigured", "Compute Engine API has not been used in project 1 before or it is disabled."),
    {
      kind: "blocked",
      reason: "ApiDisabled",
      remedy: "run: gcloud services enable compute.googleapis.com --project shop",
    },
    "park",
  ],
  [
    "ports that another rule has",
    failure(400, "invalid", "Forwarding rule's port range is conflicting with forwarding rule 'b'"),
    blocked("PortConflict"),
    "park",
  ],
  [
    "a tier that does not fit",
    failure(400, "invalid", "The network tier of external IP is STANDARD, that of Address must be the same."),
    blocked("NetworkTierMismatch"),
    "park",
  ],
  [
    "a policy of the organization, which comes as a state that is old",
    failure(412, "conditionNotMet", "Constraint constraints/compute.x violated for projects/shop."),
    blocked("OrganizationPolicy"),
    "park",
  ],
  [
    "a quota",
    failure(403, "quotaExceeded", "Quota 'FIREWALLS' exceeded.  Limit: 500.0 globally."),
    { kind: "quota", limit: "FIREWALLS (500)" },
    "park",
  ],
  [
    "a quota, by an operation",
    failure(403, "QUOTA_EXCEEDED", "Quota exceeded", {
      quota: { metric: "compute.googleapis.com/firewalls", limit: 500 },
    }),
    { kind: "quota", limit: "compute.googleapis.com/firewalls (500)" },
    "park",
  ],
  ["a quota in unknown words", failure(403, "quotaExceeded", "No more"), { kind: "quota", limit: "No more" }, "park"],
  [
    "a rate",
    failure(403, "rateLimitExceeded", "Rate Limit Exceeded"),
    { kind: "throttled", scope: "project shop", retryAfterMs: 30_000 },
    "pause",
  ],
  [
    "a rate with what was counted",
    failure(403, "", "Quota exceeded for quota metric 'Queries'", {
      info: { reason: "RATE_LIMIT_EXCEEDED", metadata: { quota_metric: "compute.googleapis.com/default" } },
    }),
    { kind: "throttled", scope: "compute.googleapis.com/default of project shop", retryAfterMs: 30_000 },
    "pause",
  ],
  [
    "a rate with a time",
    failure(429, "", "Too Many Requests", { retryAfterMs: 7000 }),
    { kind: "throttled", scope: "project shop", retryAfterMs: 7000 },
    "pause",
  ],
  [
    "a permission that is named",
    failure(
      403,
      "forbidden",
      "Required 'compute.networks.updatePolicy' permission for 'projects/net/global/networks/n'",
    ),
    { kind: "forbidden", action: "compute.networks.updatePolicy in project net" },
    "park",
  ],
  [
    "a permission that is not",
    failure(403, "forbidden", "Forbidden"),
    { kind: "forbidden", action: "compute.firewalls.create in project shop" },
    "park",
  ],
  [
    "credentials that are not taken",
    failure(401, "authError", "Invalid Credentials"),
    { kind: "forbidden", action: "compute.firewalls.create in project shop" },
    "park",
  ],
  [
    "anything else that is wrong",
    failure(400, "invalid", "Invalid value for field 'x'"),
    {
      kind: "blocked",
      reason: "RequestRefused",
      remedy: "change what Google Cloud objects to: Invalid value for field 'x'",
    },
    "park",
  ],
  ["any other race", failure(409, "", "Conflict"), { kind: "retryable" }, "backOff"],
  ["a request that took too long", failure(408, "", "Request Timeout"), { kind: "retryable" }, "backOff"],
  ["trouble of its own", failure(503, "backendError", "Backend Error"), { kind: "retryable" }, "backOff"],
  ["no answer", failure(0, "", "socket hang up"), { kind: "retryable" }, "backOff"],
])("knows what to do about %s", (_, failed, fault, decision) => {
  const error = providerError(failed, attempt);
  expect(error.fault).toEqual(fault);
  expect(error.message).toBe(`insert firewall web: ${failed.message}`);
  expect(decide(error).kind).toBe(decision);
});

it("keeps where it came from", () => {
  const cause = new Error("raw");
  expect(providerError(failure(500, "", "Internal"), attempt, cause).cause).toBe(cause);
});
