import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import {
  makePlan,
  type Plan,
  type PlanStep,
  type PlanTime,
  ProviderError,
  type Wait,
} from "../../../src/provider/index.ts";
import type { Ref } from "../actions.ts";
import { backendGroupName, tagKeys } from "../identity.ts";
import type { NodeRule, SharedObservation } from "../observation.ts";
import { nlbSpec, type Pairs } from "../schema/index.ts";
import { type NlbSettings, needsBackendGroup } from "./context.ts";
import { ruleKey } from "./frontend-group.ts";
import { fateOf, forAll, nodeGroupOf, reasonOf, rulesFor, type WantedRule } from "./nodes.ts";
import { summaryOf } from "./service.ts";
import { idsOf, slowPollMs, step } from "./steps.ts";

const groupStep = "backend-group";
/** Target groups are changed in the meantime, so that nothing is checked or sent where it is let in no more. */
const graceMs = 60_000;

/** What all load balancers of a cluster need: a security group of theirs, and rules that let it in to the nodes. */
export function planShared(
  clusterId: string,
  users: readonly DesiredLoadBalancer[],
  nodes: readonly NodeTarget[],
  observed: SharedObservation,
  time: PlanTime,
  settings: NlbSettings,
): Plan {
  const backend = planBackend(clusterId, users, observed, settings);
  const wanted = wantedRules(users, observed, settings);
  const groups = [...nodeGroups(nodes, observed)].sort();
  const added = groups.flatMap((group) => addedRules(clusterId, group, wanted, observed.nodeRules));
  const stale = staleRules(wanted, observed.nodeRules);
  const isDue = (rule: NodeRule): boolean => time.since(`old-rule/${rule.id}`) >= graceMs;
  const steps = [...backend, ...added, ...revocations(stale.filter(isDue), idsOf(added))];
  // The rules name the group by its ID, which is known next time.
  const what = "the security group of the load balancers was only just made";
  const waits: readonly Wait[] = [
    ...(backend.length > 0 ? [{ id: "backend-group", what, pollAfterMs: slowPollMs }] : []),
    ...stale
      .filter((rule) => !isDue(rule))
      .map((rule) => ({
        id: `old-rule/${rule.id}`,
        what: `${ruleKey(rule)} in ${rule.group} is let in until nothing comes that way`,
        pollAfterMs: slowPollMs,
      })),
  ];
  return makePlan({ steps, waits, summary: summaryOf(steps, waits) });
}

/** Nobody needs it any more: our rules first, then the group that they name. */
export function planUnshared(clusterId: string, observed: SharedObservation): Plan {
  const ours = observed.nodeRules.filter(({ tags }) => tags[tagKeys.cluster] === clusterId);
  const first = revocations(ours, []);
  const { backendGroup } = observed;
  const isOurs = backendGroup?.tags[tagKeys.cluster] === clusterId;
  const deletion = isOurs
    ? [step(groupStep, { kind: "deleteGroup", id: backendGroup.id }, { after: idsOf(first) })]
    : [];
  const steps = [...first, ...deletion];
  return makePlan({ steps, summary: summaryOf(steps, []) });
}

function planBackend(
  clusterId: string,
  users: readonly DesiredLoadBalancer[],
  { backendGroup, network }: SharedObservation,
  settings: NlbSettings,
): readonly PlanStep[] {
  if (!users.some((lb) => needsBackendGroup(nlbSpec(lb, settings).spec))) return [];
  const name = backendGroupName(clusterId);
  const tags = { [tagKeys.cluster]: clusterId };
  if (backendGroup === undefined) return [step(groupStep, { kind: "createGroup", name, vpcId: network.vpcId, tags })];
  if (backendGroup.tags[tagKeys.cluster] === clusterId) return [];
  const owner = backendGroup.tags[tagKeys.cluster] ?? "somebody without Berth's tags";
  throw new ProviderError({ kind: "conflict", owner }, `security group ${backendGroup.id} has the name ${name}`);
}

/** Each once; what everybody needs is nobody's own. */
function wantedRules(
  users: readonly DesiredLoadBalancer[],
  { backendGroup, network }: SharedObservation,
  settings: NlbSettings,
): ReadonlyMap<string, WantedRule> {
  const found = new Map<string, WantedRule>();
  const from = { backendGroup: backendGroup?.id, vpcCidrs: network.vpcCidrs, settings };
  for (const lb of users)
    for (const wanted of rulesFor(lb, from) ?? []) {
      const key = ruleKey(wanted.rule);
      const other = found.get(key);
      if (other === undefined || (other.reason !== forAll && wanted.reason < other.reason)) found.set(key, wanted);
    }
  return found;
}

function nodeGroups(nodes: readonly NodeTarget[], { instances, network }: SharedObservation): ReadonlySet<string> {
  const fates = nodes.map((node) => fateOf(node, instances));
  const groups = fates.map((fate) => (fate.kind === "target" ? nodeGroupOf(fate.instance, network) : undefined));
  return new Set(groups.filter((group) => group !== undefined));
}

/** One call for each reason, as rules carry it in their tags. */
function addedRules(
  clusterId: string,
  group: Ref & string,
  wanted: ReadonlyMap<string, WantedRule>,
  present: readonly NodeRule[],
): readonly PlanStep[] {
  const known = new Set(present.filter((one) => one.group === group).map(ruleKey));
  const missing = [...wanted].filter(([key]) => !known.has(key)).map(([, one]) => one);
  return [...Map.groupBy(missing, ({ reason }) => reason)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, all]) => {
      const rules = all.map(({ rule }) => rule);
      const tags: Pairs = { [tagKeys.cluster]: clusterId, [tagKeys.rule]: reason };
      const diff = rules.map((rule) => ({ path: ruleKey(rule), from: undefined, to: "allowed" }));
      return step(`node-rules/${group}/${reason}`, { kind: "authorize", group, rules, tags }, { diff });
    });
}

/** What everybody needs stays as long as anybody is there (kubernetes-sigs/aws-load-balancer-controller#4889). */
function staleRules(wanted: ReadonlyMap<string, WantedRule>, present: readonly NodeRule[]): readonly NodeRule[] {
  return present.filter((one) => reasonOf(one) !== forAll && !wanted.has(ruleKey(one)));
}

/** One call for each security group. */
function revocations(rules: readonly NodeRule[], after: readonly string[]): readonly PlanStep[] {
  return [...Map.groupBy(rules, ({ group }) => group)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, all]) => {
      const diff = all.map((rule) => ({ path: ruleKey(rule), from: "allowed", to: undefined }));
      const input = { kind: "revoke", group, rules: all.map(({ id }) => id) } as const;
      return step(`old-node-rules/${group}`, input, { after, diff });
    });
}
