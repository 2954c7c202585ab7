import { type Fault, ProviderError } from "../../src/provider/index.ts";

/** What Google Cloud said about one request or operation that failed, wherever it said so. */
export interface Failure {
  /** Of HTTP; 0 when there was no answer. */
  readonly status: number;
  /** `errors[].reason` of an answer (`alreadyExists`), `error.errors[].code` of an operation (`QUOTA_EXCEEDED`). */
  readonly reasons: readonly string[];
  readonly message: string;
  /** Of ErrorInfo: `RATE_LIMIT_EXCEEDED`, and what was counted. */
  readonly info?: { readonly reason: string; readonly metadata: Readonly<Record<string, string>> };
  /** Of an operation that met a limit. */
  readonly quota?: { readonly metric: string; readonly limit?: number };
  readonly retryAfterMs?: number;
}

/** What the request was about, for the texts. */
export interface Attempt {
  /** As the metrics and people call it: `insert forwardingRule web`. */
  readonly what: string;
  /** The permission that it needs: `compute.forwardingRules.create`. */
  readonly permission: string;
  readonly project: string;
}

/** Nothing of this project is sent for so long after a refusal that names no time. */
const defaultPauseMs = 30_000;

export function providerError(failure: Failure, attempt: Attempt, cause?: unknown): ProviderError {
  const row = rows.find(({ when }) => when(failure));
  const fault = row?.fault(failure, attempt) ?? { kind: "retryable" };
  return new ProviderError(fault, `${attempt.what}: ${failure.message}`, { cause });
}

interface Row {
  readonly when: (failure: Failure) => boolean;
  readonly fault: (failure: Failure, attempt: Attempt) => Fault;
}

/** The first row that fits counts: what says more stands before what says less. */
const rows: readonly Row[] = [
  { when: isRate, fault: throttled },
  { when: has("quotaExceeded", "QUOTA_EXCEEDED", "LIMIT_EXCEEDED"), fault: quota },
  {
    when: says(/constraint .* violated/i),
    fault: blocked("OrganizationPolicy", "ask who administers the organization's policies"),
  },
  {
    when: either(has("instanceInMultipleLoadBalancedIgs", "INSTANCE_IN_MULTIPLE_LOAD_BALANCED_IGS")),
    fault: blocked(
      "InstanceInTwoGroups",
      "take the machine out of the other load-balanced instance group, or give --gcp-l4-backends endpoint-groups",
    ),
  },
  {
    when: either(
      has("IP_IN_USE_BY_ANOTHER_RESOURCE", "ipInUseByAnotherResource"),
      says(/specified IP address is in-use/i),
    ),
    fault: blocked("AddressInUse", "ask for another address, or free this one"),
  },
  {
    when: says(/IP address is outside the \S*network range/i),
    fault: blocked("AddressOutsideSubnet", "ask for an address of the load balancer's subnetwork"),
  },
  {
    when: says(/port range is conflicting with forwarding rule/i),
    fault: blocked("PortConflict", "take other ports, or another address"),
  },
  {
    when: says(/network tier of external IP is/i),
    fault: blocked("NetworkTierMismatch", "ask for an address of the load balancer's tier"),
  },
  {
    when: says(/expected to be in the subnetwork/i),
    fault: blocked("MachineInOtherSubnet", "keep nodes in the subnetwork that the controller was told"),
  },
  {
    when: says(/\/subnetworks\/[^/']+' was not found/),
    fault: blocked("SubnetNotFound", "make the subnetwork, or name one that there is in the region"),
  },
  {
    when: says(/\/networks\/[^/']+' was not found/),
    fault: blocked("NetworkNotFound", "give --gcp-l4-network and --gcp-l4-network-project as they are"),
  },
  {
    when: either(says(/\/regions\/[^/']+' was not found/), says(/unknown region/i)),
    fault: blocked("RegionNotFound", "give --gcp-l4-region as it is"),
  },
  {
    when: says(/The resource 'projects\/[^/']+' was not found/),
    fault: blocked("ProjectNotFound", "give --gcp-l4-project as it is"),
  },
  { when: has("accessNotConfigured", "SERVICE_DISABLED"), fault: apiDisabled },
  // It is read again before the next write, so whose it is is found out then.
  { when: either(has("alreadyExists", "RESOURCE_ALREADY_EXISTS"), has("memberAlreadyExists")), fault: retryable },
  { when: either(has("conditionNotMet"), says(/invalid fingerprint/i)), fault: retryable },
  { when: either(has("resourceNotReady", "RESOURCE_NOT_READY"), says(/ is not ready/i)), fault: retryable },
  // What used it a moment ago may still be said to; who uses it for good is named in the text.
  {
    when: either(
      has("resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"),
      says(/already being used by/i),
    ),
    fault: retryable,
  },
  { when: isMissing, fault: () => ({ kind: "notFound" }) },
  { when: ({ status }) => status === 401 || status === 403, fault: forbidden },
  { when: ({ status }) => status === 409 || status === 412, fault: retryable },
  { when: ({ status }) => status >= 400 && status < 500 && status !== 408, fault: refused },
];

/** The machines that an answer says there are not. */
export function missingMachines(message: string): readonly string[] {
  return [...message.matchAll(/\/instances\/([^/'"\s]+)' was not found/g)].flatMap(([, name]) => name ?? []);
}

function has(...wanted: readonly string[]): Row["when"] {
  return ({ reasons, info }) => wanted.some((reason) => reasons.includes(reason) || info?.reason === reason);
}

function says(pattern: RegExp): Row["when"] {
  return ({ message }) => pattern.test(message);
}

function either(...conditions: readonly Row["when"][]): Row["when"] {
  return (failure) => conditions.some((condition) => condition(failure));
}

/** Too many requests come as 403 as well. */
function isRate(failure: Failure): boolean {
  const isNamed = has("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED")(failure);
  return failure.status === 429 || isNamed;
}

/** A parent that is missing is said to be so with 400 or 404, by a resource that it was named in. */
function isMissing({ status, reasons }: Failure): boolean {
  return status === 404 || reasons.includes("notFound") || reasons.includes("RESOURCE_NOT_FOUND");
}

function throttled({ info, retryAfterMs = defaultPauseMs }: Failure, { project }: Attempt): Fault {
  const metric = info?.metadata["quota_metric"];
  return {
    kind: "throttled",
    scope: metric === undefined ? `project ${project}` : `${metric} of project ${project}`,
    retryAfterMs,
  };
}

/** `Quota 'FIREWALLS' exceeded. Limit: 500.0 globally.` */
const quotaText = /Quota '([^']+)' exceeded\.\s+Limit: ([\d.]+)/i;

function quota({ quota: known, message, info }: Failure): Fault {
  const [, metric = info?.metadata["quota_metric"], limit] = quotaText.exec(message) ?? [];
  const name = known?.metric ?? metric ?? message;
  const number = known?.limit ?? limit;
  return { kind: "quota", limit: number === undefined ? name : `${name} (${Number(number)})` };
}

/** What is refused may be the use of something of another project, as a network. */
function forbidden({ message }: Failure, { permission, project }: Attempt): Fault {
  const [, named = permission] = /Required '([^']+)' permission/i.exec(message) ?? [];
  const [, place = project] = /permission for 'projects\/([^/']+)/i.exec(message) ?? [];
  return { kind: "forbidden", action: `${named} in project ${place}` };
}

function apiDisabled(_: Failure, { project }: Attempt): Fault {
  const remedy = `run: gcloud services enable compute.googleapis.com --project ${project}`;
  return { kind: "blocked", reason: "ApiDisabled", remedy };
}

/** It will be refused again until somebody changes something. */
function refused({ message }: Failure): Fault {
  return { kind: "blocked", reason: "RequestRefused", remedy: `change what Google Cloud objects to: ${message}` };
}

function retryable(): Fault {
  return { kind: "retryable" };
}

function blocked(reason: string, remedy: string): () => Fault {
  return () => ({ kind: "blocked", reason, remedy });
}
