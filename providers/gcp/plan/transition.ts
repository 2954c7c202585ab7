import type { PlanStep } from "../../../src/provider/index.ts";
import {
  type Address,
  type BackendService,
  type Firewall,
  type ForwardingRule,
  type HealthCheck,
  type Resource,
  refOf,
  refText,
} from "../resources.ts";
import { asPatient, type Comparison, compare } from "./comparison.ts";
import { changeStep, deleteId, deleteStep, idsOf, insertStep } from "./steps.ts";

/** The parts of one load balancer as they should be. */
export interface Parts {
  readonly addresses: readonly Address[];
  readonly healthCheck: HealthCheck | undefined;
  readonly backendService: BackendService;
  readonly firewalls: readonly Firewall[];
  /** What keeps others out, only once what lets in is there. */
  readonly mayDeny: boolean;
  readonly rules: readonly ForwardingRule[];
}

/**
 * From the parts that there are (all of them ours) to those that should be. All that can be made beforehand is, so a
 * rule that has to be made anew is missing for no longer than it takes to delete and insert it.
 */
export function transition(parts: Parts, found: readonly Resource[]): readonly PlanStep[] {
  const state = new Map(found.map((resource) => [refText(refOf(resource)), resource]));
  const look = <T extends Resource>(wanted: T): { readonly found: T | undefined; readonly comparison: Comparison } => {
    const there = state.get(refText(refOf(wanted))) as T | undefined;
    return { found: there, comparison: there === undefined ? { change: "none", diff: [] } : compare(wanted, there) };
  };
  const put = (wanted: Resource, dependsOn: readonly string[] = []): readonly PlanStep[] => {
    const { found: there, comparison } = look(wanted);
    if (there === undefined) return [insertStep(wanted, dependsOn)];
    if (comparison.change === "none") return [];
    if (comparison.change !== "replace") return [changeStep(asPatient(wanted, there), comparison, dependsOn)];
    const gone = deleteStep(refOf(wanted), dependsOn);
    return [gone, insertStep(wanted, [gone.id])];
  };

  const held = parts.addresses.flatMap((address) => put(address));
  const checks = parts.healthCheck === undefined ? [] : put(parts.healthCheck);
  const allows = parts.firewalls.filter(({ denied }) => denied.length === 0).flatMap((one) => put(one));
  const denies = parts.mayDeny ? parts.firewalls.filter(({ denied }) => denied.length > 0) : [];
  const closed = denies.flatMap((one) => put(one, idsOf(allows)));

  const service = look(parts.backendService);
  const renewsRules = service.comparison.diff.some(({ path }) => path === "protocol" || path === "loadBalancingScheme");
  const backend = withFingerprint(parts.backendService, service.found);
  // What is served must not be asked by a check whose probes are not let in yet.
  const probes = service.comparison.diff.some(({ path }) => path === "healthChecks") ? allows : [];
  const early = renewsRules ? [] : put(backend, idsOf([...checks, ...probes]));
  const before = idsOf([...held, ...checks, ...early]);

  const wantedRules = new Set(parts.rules.map(({ name }) => name));
  const oldRules = found.filter(({ kind }) => kind === "forwardingRule");
  const fit = (rule: ForwardingRule): boolean => look(rule).comparison.change !== "replace" && !renewsRules;
  const doomed = oldRules.filter(
    ({ name }) => !wantedRules.has(name) || parts.rules.some((rule) => rule.name === name && !fit(rule)),
  );
  const taken = doomed.map((rule) => deleteStep(refOf(rule), before));
  const late = renewsRules ? put(backend, [...before, ...idsOf(taken)]) : [];
  const isTaken = (rule: ForwardingRule): boolean => doomed.some(({ name }) => name === rule.name);
  // Each is missing for no longer than itself needs, unless all have to wait for what they lead to.
  const inTheWay = doomed
    .filter(({ name }) => renewsRules || !wantedRules.has(name))
    .map((rule) => deleteId(refOf(rule)));
  const ready = [...before, ...inTheWay, ...idsOf(late)];
  const made = parts.rules.flatMap((rule) => {
    if (!isTaken(rule)) return put(rule, ready);
    return [insertStep(rule, [...new Set([...ready, deleteId(refOf(rule))])])];
  });
  const rules = renewsRules ? [...taken, ...late, ...made] : paired(taken, made);
  const swap = [...held, ...checks, ...allows, ...early, ...rules, ...closed];
  return [...swap, ...surplusSteps(parts, found, idsOf([...early, ...taken, ...late, ...made]))];
}

/** Each rule is made right after it was taken away. */
function paired(taken: readonly PlanStep[], made: readonly PlanStep[]): readonly PlanStep[] {
  const isOf = (insert: PlanStep, gone: PlanStep): boolean => insert.target === gone.target;
  const alone = made.filter((insert) => !taken.some((gone) => isOf(insert, gone)));
  const swapped = taken.filter((gone) => made.some((insert) => isOf(insert, gone)));
  const gone = taken.filter((one) => !swapped.includes(one));
  return [...gone, ...swapped.flatMap((one) => [one, ...made.filter((insert) => isOf(insert, one))]), ...alone];
}

/** Only what holds up nothing any more: the old check of the backend service, firewalls and addresses. */
function surplusSteps(parts: Parts, found: readonly Resource[], after: readonly string[]): readonly PlanStep[] {
  const wanted = [...parts.addresses, ...parts.firewalls, ...(parts.healthCheck ? [parts.healthCheck] : [])];
  const names = new Set(wanted.map((resource) => refText(refOf(resource))));
  // A firewall of before may be what still lets the probes in.
  const spare: readonly Resource["kind"][] = [
    "address",
    "healthCheck",
    ...(parts.mayDeny ? ["firewall" as const] : []),
  ];
  const surplus = found.filter((resource) => spare.includes(resource.kind) && !names.has(refText(refOf(resource))));
  return orderedDeletes(surplus, after);
}

/** Deletes parts of a load balancer so that none goes before what refers to it, and no address is closed that is served. */
export function orderedDeletes(doomed: readonly Resource[], after: readonly string[] = []): readonly PlanStep[] {
  const of = (...kinds: readonly Resource["kind"][]): readonly Resource[] =>
    doomed.filter(({ kind }) => kinds.includes(kind));
  const rules = of("forwardingRule").map((rule) => deleteStep(refOf(rule), after));
  const afterRules = [...after, ...idsOf(rules)];
  const isDeny = (resource: Resource): boolean => resource.kind === "firewall" && resource.denied.length > 0;
  const denies = of("firewall").filter(isDeny);
  const allows = of("firewall").filter((resource) => !isDeny(resource));
  const services = of("backendService").map((service) => deleteStep(refOf(service), afterRules));
  return [
    ...rules,
    ...of("address").map((address) => deleteStep(refOf(address), afterRules)),
    ...denies.map((deny) => deleteStep(refOf(deny), afterRules)),
    ...allows.map((allow) => deleteStep(refOf(allow), [...afterRules, ...denies.map((deny) => deleteId(refOf(deny)))])),
    ...services,
    ...of("healthCheck").map((check) => deleteStep(refOf(check), [...afterRules, ...idsOf(services)])),
  ];
}

/** Without it an update is refused, and with one of another state too. */
export function withFingerprint(wanted: BackendService, found: BackendService | undefined): BackendService {
  const fingerprint = found?.fingerprint;
  return fingerprint === undefined ? wanted : { ...wanted, fingerprint };
}
