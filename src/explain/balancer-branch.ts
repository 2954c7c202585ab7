import {
  annotations,
  type Condition,
  conditionTypes,
  type Event,
  type LoadBalancerIngress,
  type LoadBalancerRecord,
  objectKey,
  type Service,
} from "../api/index.ts";
import { type ClassPolicy, desiredLoadBalancer, type Issue, isPaused } from "../model/index.ts";
import type { Ownership } from "./class-branch.ts";
import { allOf, no, type Tree, unknown, yes } from "./tree.ts";
import { readOf, secondsSince, type World } from "./world.ts";

/** The load balancer as its controller left it: addresses, conditions, what is awaited, and what cannot be had. */
export function explainBalancer(world: World, service: Service, { policy }: Ownership): Tree {
  const key = objectKey(service.metadata);
  const record = readOf(world.records).find(({ metadata }) => objectKey(metadata) === key);
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const wishes = policy === undefined ? { refused: [], lost: [] } : explainWishes(service, policy);
  const conditions = explainConditions(service, record);
  const addresses =
    ingress.length === 0 ? [no("address", "(none)", whyPending(world, service, record))] : ingress.map(explainAddress);
  // What is lost but served, and what is only reported of, do not make it fail.
  const decisive = [...wishes.refused, ...conditions.filter(({ name }) => name !== "Degraded"), ...addresses];
  const children = [...wishes.refused, ...wishes.lost, ...conditions, ...addresses];
  const name = ingress.map(addressOf).join(", ") || "(no address)";
  return allOf("load balancer", name, decisive, { facts: recordFacts(world, service, record), children });
}

function addressOf({ ip, hostname }: LoadBalancerIngress): string {
  return ip ?? hostname ?? "(empty)";
}

/** What the Service asks for and cannot have, and what it seems to have misspelt. */
function explainWishes(service: Service, policy: ClassPolicy): { refused: Tree[]; lost: Tree[] } {
  const { issues, warnings } = desiredLoadBalancer(service, "", policy);
  const wish = ({ path, reason, message }: Issue): Tree =>
    no("wish", path, `${reason}: ${message}${message.includes("; ") ? "" : "; change the Service, or its class"}`);
  return {
    refused: issues.filter(({ severity }) => severity === "refuse").map(wish),
    lost: [
      ...(isPaused(service, policy) ? [no("annotation", annotations.paused, whyPaused)] : []),
      ...issues.filter(({ severity }) => severity === "degrade").map(wish),
      ...warnings.map((text) => no("annotation", "", text)),
    ],
  };
}

const whyPaused = "nothing is done for the Service, not even its deletion; take the annotation away to go on";

const bad: Readonly<Record<string, string>> = {
  [conditionTypes.degraded]: "True",
  [conditionTypes.portsError]: "True",
};

const remedies: Readonly<Record<string, string>> = {
  [conditionTypes.accepted]: "change the Service, or its class",
  [conditionTypes.programmed]: "the controller goes on by itself; its log and the events of the Service say more",
  [conditionTypes.ready]: "see the nodes",
  [conditionTypes.degraded]: "all else is served; change what it names if it matters",
  [conditionTypes.portsError]: "choose other ports",
};

function explainConditions({ status }: Service, record: LoadBalancerRecord | undefined): Tree[] {
  const types: readonly string[] = Object.values(conditionTypes);
  return (status?.conditions ?? [])
    .filter(({ type }) => types.includes(type))
    .sort((a, b) => types.indexOf(a.type) - types.indexOf(b.type))
    .map((condition) => explainCondition(condition, record));
}

function explainCondition(condition: Condition, record: LoadBalancerRecord | undefined): Tree {
  const { type, status, reason, message, lastTransitionTime: since } = condition;
  const name = type.replace(/^berth\.dev\//, "");
  const facts = { status, reason, since };
  if (status === "Unknown") return unknown("condition", name, withRemedy(condition, record), { facts });
  return status === (bad[type] ?? "False")
    ? no("condition", name, withRemedy(condition, record), { facts })
    : yes("condition", name, { facts: { ...facts, message: message === "" ? undefined : message } });
}

function withRemedy({ type, reason, message }: Condition, record: LoadBalancerRecord | undefined): string {
  const said = message === "" ? reason : `${reason}: ${message}`;
  const next = type === conditionTypes.programmed ? record?.status?.nextTryAt : undefined;
  const again = next === undefined ? "" : `; the next try is at ${next}`;
  return message.includes("; ") ? `${said}${again}` : `${said}; ${remedies[type] ?? "see its controller"}${again}`;
}

/** Why there is no address: what the controller says of it, from the most to the least exact. */
function whyPending(world: World, service: Service, record: LoadBalancerRecord | undefined): string {
  const failing = (service.status?.conditions ?? []).find(
    ({ type, status }) =>
      status === "False" && (type === conditionTypes.accepted || type === conditionTypes.programmed),
  );
  if (failing !== undefined) return `pending: ${withRemedy(failing, record)}`;
  const { awaiting, lastError, nextTryAt } = record?.status ?? {};
  const next = nextTryAt === undefined ? "it goes on by itself" : `the next try is at ${nextTryAt}`;
  if (lastError !== undefined) return `pending: ${lastError.reason}: ${lastError.message}; ${next}`;
  if (awaiting !== undefined) return `pending: it waits for ${awaiting.what} (${awaiting.reason}); ${next}`;
  const [warning] = warnings(world, service);
  const told = warning === undefined ? "nobody said why" : `${warning.reason ?? ""}: ${warning.note ?? ""}`;
  return `pending, ${told}; see the class, and the log of its controller`;
}

/** Of this very Service, not of one of its name that is gone; the newest first. */
function warnings({ events }: World, { metadata: { uid } }: Service): readonly Event[] {
  return readOf(events)
    .filter(({ type, regarding }) => type === "Warning" && (regarding?.uid ?? uid) === uid)
    .sort((a, b) => compare(timeOf(b), timeOf(a)) || compare(a.metadata.name ?? "", b.metadata.name ?? ""));
}

function timeOf({ series, eventTime, deprecatedLastTimestamp, metadata }: Event): string {
  return series?.lastObservedTime ?? eventTime ?? deprecatedLastTimestamp ?? metadata.creationTimestamp ?? "";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function explainAddress(entry: LoadBalancerIngress): Tree {
  const { ip, ipMode, ports } = entry;
  const errors = (ports ?? []).filter(({ error }) => error !== undefined);
  const facts = { mode: ip === undefined ? undefined : (ipMode ?? "VIP") };
  const children = [
    ...errors.map(({ port, protocol, error = "" }) =>
      no("port", `${port}/${protocol}`, `${error}; choose another port, or see the conditions`),
    ),
    explainShortcut(entry),
  ];
  return allOf("address", addressOf(entry), children.slice(0, errors.length), { facts, children });
}

/** Whether nodes answer on the address themselves, for clients in the cluster too (KEP-1860). */
function explainShortcut({ ip, ipMode }: LoadBalancerIngress): Tree {
  const what = "answered by nodes";
  if (ip === undefined)
    return no(what, "", "it is a host name, so traffic from pods goes out to the load balancer; nothing to do");
  return ipMode === undefined || ipMode === "VIP"
    ? yes(what, "")
    : no(what, "", `ipMode is ${ipMode}, so traffic from pods goes out to the load balancer; nothing to do`);
}

function recordFacts(
  world: World,
  service: Service,
  record: LoadBalancerRecord | undefined,
): Record<string, string | undefined> {
  const { targets, awaiting, lastError, nextTryAt, lastPlan } = record?.status ?? {};
  const [warning] = warnings(world, service);
  const age = warning === undefined ? undefined : secondsSince(timeOf(warning), world.now);
  return {
    targets: targets === undefined ? undefined : `${targets.ready} of ${targets.total} healthy`,
    "last plan": lastPlan?.summary,
    awaiting: awaiting === undefined ? undefined : `${awaiting.what} (${awaiting.reason}) since ${awaiting.since}`,
    "last error": lastError === undefined ? undefined : `${lastError.reason}: ${lastError.message} at ${lastError.at}`,
    "next try": nextTryAt,
    "last warning":
      warning === undefined ? undefined : `${warning.reason ?? ""}: ${warning.note ?? ""} (${age ?? "?"} s ago)`,
  };
}
