import {
  type BalancerConfig,
  type BalancerPort,
  parseBalancerConfig,
  renderBalancerConfig,
  textHash,
} from "../../src/balancer/config.ts";
import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../src/model/index.ts";
import { type Cidr, cidrContains, type Family, formatCidr, formatIp, type Ip, parseIp } from "../../src/net/index.ts";
import {
  type FieldDiff,
  type Issue,
  type LbStatus,
  makePlan,
  type Plan,
  type PlanStep,
  ProviderError,
  type Wait,
} from "../../src/provider/index.ts";
import type { Addressing } from "./addressing.ts";
import { macOf, namesOf } from "./names.ts";
import type { Action, Observation } from "./observation.ts";
import { optionsOf } from "./schema.ts";

/** A node that refuses is out within 2 s, one that is silent within 3 s; one answer brings it back. */
const healthTiming = { intervalMs: 1000, timeoutMs: 1000, unhealthyAfter: 2, healthyAfter: 1 } as const;

/** How soon to look again at a process that is about to act. */
const pollMs = 50;

export function planPresent(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: Observation,
  addressing: Addressing,
): Plan {
  refuseForeign(lb.id, observed);
  return addressing.kind === "pool"
    ? planPooled(lb, nodes, observed, addressing.prefixes)
    : planGiven(lb, nodes, observed);
}

function planPooled(
  lb: DesiredLoadBalancer,
  nodes: readonly NodeTarget[],
  observed: Observation,
  prefixes: readonly Cidr[],
): Plan {
  if (lb.families.some((family) => addressOf(lb.addresses, family) === undefined))
    return makePlan({ steps: [], waits: [noAddress], summary: noAddress.what });
  const text = renderBalancerConfig(balancerConfig(lb, nodes));
  const steps = [
    ...claimSteps(lb.id, observed),
    ...configSteps(lb.id, observed, text),
    ...networkSteps(lb, observed, prefixes),
    ...processSteps(lb.id, observed),
  ];
  const waits = steps.length === 0 ? configWait(observed, text) : [];
  return makePlan({
    steps: linked(steps),
    waits,
    replacesAddress: replacesAddress(lb, observed),
    summary: summary(steps, waits),
  });
}

/** Its configuration follows once it has been given addresses. */
function planGiven(lb: DesiredLoadBalancer, nodes: readonly NodeTarget[], observed: Observation): Plan {
  const given = withGiven(lb, observed);
  const text = renderBalancerConfig(balancerConfig(given, nodes));
  const lacks = lb.families.filter((family) => addressOf(given.addresses, family) === undefined);
  const replaces = asksForAnother(lb, observed);
  const steps = [
    ...claimSteps(lb.id, observed),
    ...(lacks.length === 0 && !replaces ? configSteps(lb.id, observed, text) : []),
    ...containerSteps(lb, observed, replaces),
  ];
  if (steps.length === 0 && lacks.length > 0) throw withoutFamily(lacks);
  const waits = steps.length === 0 ? configWait(observed, text) : [];
  return makePlan({ steps: linked(steps), waits, replacesAddress: replaces, summary: summary(steps, waits) });
}

export function planAbsent(id: LbIdentity, observed: Observation): Plan {
  // What neither our directory nor a mark of its own proves to be ours is not touched.
  const steps: PlanStep[] = [];
  const rest = observed.unclaimed === true && observed.network === undefined;
  if (observed.owner !== undefined || typeof observed.network?.maker === "object" || rest) {
    refuseForeign(id, observed);
    if (observed.process !== "none") steps.push(step("process", "delete", { kind: "stop", id }));
    if (observed.network !== undefined) steps.push(step("network", "delete", { kind: "disconnect", id }));
    steps.push(step("directory", "delete", { kind: "release", id }));
  }
  return makePlan({ steps: linked(steps), summary: summary(steps, []) });
}

/** The tag alone: nothing else of it is changed any more. */
export function planRetained(id: LbIdentity, observed: Observation): Plan {
  const steps: PlanStep[] = [];
  if (observed.owner !== undefined) {
    refuseForeign(id, observed);
    const diff = [{ path: "retained", from: undefined, to: "true" }];
    if (observed.owner.retained !== true) steps.push(step("directory", "update", { kind: "retain", id }, diff));
  }
  return makePlan({ steps, summary: summary(steps, []) });
}

/** The configuration of the balancer: the same Service and nodes, in whatever order, give the same. */
export function balancerConfig(lb: DesiredLoadBalancer, nodes: readonly NodeTarget[]): BalancerConfig {
  return {
    addresses: lb.families.flatMap((family) => addressOf(lb.addresses, family) ?? []),
    ports: lb.ports.flatMap(({ protocol, port, nodePort }): BalancerPort | [] =>
      protocol === "SCTP" ? [] : { protocol, port, nodePort },
    ),
    targets: nodes
      .map(({ name, addresses }) => ({
        name,
        addresses: lb.families.flatMap((family) => addressOf(addresses, family) ?? []),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    healthCheck: { port: lb.healthCheck.port, path: lb.healthCheck.path, ...healthTiming },
    sourceRanges: lb.sourceRanges.map(formatCidr).sort(),
    sessionAffinity: lb.sessionAffinity,
    drainSeconds: optionsOf(lb).drainSeconds,
  };
}

/** What this load balancer in particular cannot do; what no `proxy` can do is told by its capabilities. */
export function validate(lb: DesiredLoadBalancer, addressing: Addressing): readonly Issue[] {
  const outside = addressing.kind === "pool" ? outsideOf(lb, addressing.prefixes) : [];
  return [...outside, ...optionsOf(lb).issues];
}

function outsideOf(lb: DesiredLoadBalancer, prefixes: readonly Cidr[]): readonly Issue[] {
  return lb.addresses
    .filter((ip) => prefixOf(ip, prefixes) === undefined)
    .map((ip) => ({
      path: "spec.loadBalancerIP",
      severity: "refuse",
      reason: "AddressOutsideNetwork",
      message: `${formatIp(ip)} lies in none of the networks of the bridge (${prefixes.map(formatCidr).join(", ")}); give --proxy-network the prefix that holds the address pool`,
    }));
}

export function status(wanted: DesiredLoadBalancer, observed: Observation, addressing: Addressing): LbStatus {
  const lb = addressing.kind === "pool" ? wanted : withGiven(wanted, observed);
  // Once the data path has been programmed the address is real, whatever changes later; one that was given anew is
  // when the balancer has been told of it.
  const programmed = observed.status !== undefined && observed.status.applied !== "";
  const told = addressing.kind === "pool" ? undefined : configuredAddresses(observed.config);
  const found = observed.network?.addresses.map(withoutPrefix) ?? [];
  const real = new Set(programmed ? found.filter((ip) => told?.includes(ip) ?? true) : []);
  const ports = lb.ports.map(({ port, protocol }) => ({ port, protocol }));
  const targets = observed.status?.targets ?? [];
  return {
    ingress: lb.families
      .flatMap((family) => addressOf(lb.addresses, family) ?? [])
      .filter((ip) => real.has(ip))
      .map((ip) => ({ ip, ipMode: "Proxy", ports })),
    targets: { ready: targets.filter(({ healthy }) => healthy).length, total: targets.length },
    unhealthy: targets.filter(({ healthy }) => !healthy).map(({ name, reason }) => ({ node: name, reason })),
    references: observed.network === undefined ? [] : [namesOf("", lb.id).netns],
    issues: [],
  };
}

/** Addresses that the configuration in this text holds. */
export function configuredAddresses(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  try {
    return parseBalancerConfig(text, "").addresses;
  } catch {
    // A broken file says nothing; the next plan writes it again.
    return [];
  }
}

const noAddress: Wait = { id: "address", what: "no address of each family is allocated", pollAfterMs: 1000 };

function refuseForeign(id: LbIdentity, { owner, network }: Observation): void {
  if (network?.maker === "nobody")
    throw new ProviderError(
      { kind: "conflict", owner: "somebody who gave it other labels" },
      "a container of this load balancer's name exists, but has not its labels; remove it if nobody needs it",
    );
  if (owner === undefined && network !== undefined && network.maker === undefined)
    throw new ProviderError(
      { kind: "conflict", owner: "somebody without a directory in --state-dir" },
      "a network namespace of this load balancer's name exists, but its directory does not; `ip netns delete` it if nobody needs it",
    );
  for (const [what, other] of [["directory", owner] as const, ["container", network?.maker] as const])
    if (other !== undefined && (other.clusterId !== id.clusterId || other.uid !== id.uid))
      throw new ProviderError(
        { kind: "conflict", owner: `${other.clusterId}/${other.uid}` },
        `the ${what} of this load balancer belongs to another one`,
      );
}

function withGiven(lb: DesiredLoadBalancer, { network }: Observation): DesiredLoadBalancer {
  const addresses = (network?.addresses ?? []).flatMap((address) => parseIp(withoutPrefix(address)) ?? []);
  return { ...lb, addresses };
}

/** It has addresses, but not those that the Service asks for. */
function asksForAnother(lb: DesiredLoadBalancer, observed: Observation): boolean {
  const { addresses } = withGiven(lb, observed);
  return addresses.length > 0 && requestedBy(lb).some((wanted) => !addresses.some((ip) => formatIp(ip) === wanted));
}

function requestedBy(lb: DesiredLoadBalancer): readonly string[] {
  return lb.families.flatMap((family) => addressOf(lb.requestedAddresses, family) ?? []);
}

/** A container is made as a whole, and made anew when it is not as it should be. */
function containerSteps(
  lb: DesiredLoadBalancer,
  { owner, network, process }: Observation,
  replaces: boolean,
): readonly PlanStep[] {
  const { id } = lb;
  const start = step("process", "create", { kind: "start", id });
  const make = [step("network", "create", { kind: "connect", id, addresses: requestedBy(lb), mac: "" }), start];
  if (network === undefined) return make;
  // What it has mounted went with the directory.
  const unfit = replaces || process === "astray" || owner === undefined;
  if (unfit) return [step("stray", "delete", { kind: "disconnect", id }), ...make];
  return process === "none" ? [start] : [];
}

function withoutFamily(lacks: readonly Family[]): ProviderError {
  const families = lacks.join(" and ");
  const remedy = `make the network with ${families}, as kind does by default, or change spec.ipFamilies`;
  const fault = { kind: "blocked", reason: "AddressFamilyMissing", remedy } as const;
  return new ProviderError(fault, `the container has no address of ${families}: its network has none`);
}

function claimSteps(id: LbIdentity, { owner }: Observation): readonly PlanStep[] {
  return owner === undefined ? [step("directory", "create", { kind: "claim", id })] : [];
}

function configSteps(id: LbIdentity, { config }: Observation, text: string): readonly PlanStep[] {
  if (config === text) return [];
  const diff = configDiff(config, text);
  return [step("config", config === undefined ? "create" : "update", { kind: "configure", id, text }, diff)];
}

function networkSteps(
  lb: DesiredLoadBalancer,
  { network }: Observation,
  prefixes: readonly Cidr[],
): readonly PlanStep[] {
  const addresses = lb.families
    .flatMap((family) => lb.addresses.find((ip) => ip.family === family) ?? [])
    .map((ip) => `${formatIp(ip)}/${prefixOf(ip, prefixes)?.prefix ?? hostPrefix[ip.family]}`);
  const mac = macOf(addresses[0] ?? "");
  const found = network?.addresses.join(", ");
  if (network?.announced === mac && found === addresses.toSorted().join(", ")) return [];
  const diff = [{ path: "addresses", from: found, to: addresses.join(", ") }];
  const action = network === undefined ? "create" : "update";
  return [step("network", action, { kind: "connect", id: lb.id, addresses, mac }, diff)];
}

const hostPrefix: Readonly<Record<Family, number>> = { IPv4: 32, IPv6: 128 };

function processSteps(id: LbIdentity, { process, network }: Observation): readonly PlanStep[] {
  if (process === "running" && network !== undefined) return [];
  const start = step("process", "create", { kind: "start", id });
  return process === "none" ? [start] : [step("stray", "delete", { kind: "stop", id }), start];
}

function configWait({ status }: Observation, text: string): readonly Wait[] {
  if (status?.applied === textHash(text) && status.failure === undefined) return [];
  const why = status?.failure === undefined ? "" : `: ${status.failure}`;
  return [{ id: "applied", what: `the balancer has not applied its configuration yet${why}`, pollAfterMs: pollMs }];
}

/** An address of a family changes; one more or one less family replaces nothing. */
function replacesAddress(lb: DesiredLoadBalancer, { config }: Observation): boolean {
  return configuredAddresses(config).some((before) => {
    const family = before.includes(":") ? "IPv6" : "IPv4";
    return lb.families.includes(family) && addressOf(lb.addresses, family) !== before;
  });
}

function configDiff(before: string | undefined, after: string): readonly FieldDiff[] {
  const from = fieldsOf(before);
  const to = fieldsOf(after);
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .map((path) => ({ path, from: jsonOf(from[path]), to: jsonOf(to[path]) }))
    .filter(({ from, to }) => from !== to);
}

function fieldsOf(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return { file: text };
  }
}

function jsonOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function step(id: string, action: PlanStep["action"], input: Action, diff: readonly FieldDiff[] = []): PlanStep {
  return { id, action, target: `${input.kind} ${input.id.namespace}/${input.id.name}`, dependsOn: [], input, diff };
}

/** Each step after the one before it: they build on each other. */
function linked(steps: readonly PlanStep[]): readonly PlanStep[] {
  return steps.map((step, i) => ({ ...step, dependsOn: steps.slice(Math.max(0, i - 1), i).map(({ id }) => id) }));
}

function summary(steps: readonly PlanStep[], waits: readonly Wait[]): string {
  const parts = [...steps.map(({ action, id }) => `${action} ${id}`), ...waits.map(({ what }) => `wait: ${what}`)];
  return parts.length === 0 ? "nothing to do" : parts.join(", ");
}

function addressOf(addresses: readonly Ip[], family: Family): string | undefined {
  const found = addresses.find((ip) => ip.family === family);
  return found === undefined ? undefined : formatIp(found);
}

function prefixOf(ip: Ip, prefixes: readonly Cidr[]): Cidr | undefined {
  return prefixes.find((prefix) => cidrContains(prefix, ip));
}

function withoutPrefix(address: string): string {
  return address.slice(0, address.lastIndexOf("/"));
}
