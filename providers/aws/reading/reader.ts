import type { Listener, LoadBalancer, TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Clock } from "../../../src/base/index.ts";
import type { LbIdentity } from "../../../src/model/index.ts";
import type { Aws } from "../aws.ts";
import { backendGroupName, isOwn, tagKeys } from "../identity.ts";
import type {
  Instances,
  MembersObservation,
  NetworkFacts,
  NodeRule,
  ObservedGroup,
  ObservedTarget,
  ServiceObservation,
  SharedObservation,
  Target,
} from "../observation.ts";
import type { Refusals } from "../refusals.ts";
import { Cached } from "./cached.ts";
import { describeGroups, describeRules, nodeRules, observeGroup, rulesOf } from "./groups.ts";
import { HealthWatch } from "./health-watch.ts";
import { readInstances } from "./instances.ts";
import { LastLook, oneLookMs, unchangedMs } from "./last-look.ts";
import {
  type Details,
  describeListeners,
  describeLoadBalancers,
  listenersOf,
  observeLoadBalancer,
} from "./load-balancers.ts";
import { readNetwork } from "./network.ts";
import { inTurn, type TagsByArn, taggedObjects, tagsOf } from "./owned.ts";
import { type Look, PerObject } from "./per-object.ts";
import { Recent } from "./recent.ts";
import {
  describeTargetGroups,
  healthKey,
  observeMembers,
  observeTargetGroup,
  readTargets,
  withState,
} from "./target-groups.ts";

/** What is everybody's is read so often at most; what we change ourselves, at once. */
const sharedMs = 60_000;
/** Of instances, which come and go with nodes. */
const instancesMs = 10_000;

const balancing = "elasticloadbalancing";

/** Batched descriptions of the load balancers of one Service, or of all. */
export interface Found {
  readonly loadBalancers: readonly LoadBalancer[];
  /** By the ARN of their load balancer. */
  readonly listeners: ReadonlyMap<string, readonly Listener[]>;
  readonly targetGroups: readonly TargetGroup[];
  readonly tags: TagsByArn;
  readonly groups: readonly ObservedGroup[];
  /** It is what was seen a moment ago rather than what was read of many. */
  readonly isRecent?: true;
}

export interface ReaderOptions {
  readonly aws: Aws;
  readonly clusterId: string;
  /** Undefined: the only one of the region. */
  readonly vpcId: string | undefined;
  readonly refusals: Refusals;
  readonly clock: Clock;
}

/** Looks at AWS for one scope, or at once for all. */
export class Reader {
  /** What this process made, which AWS does not list yet. */
  readonly recent: Recent;
  readonly health: HealthWatch;
  readonly #aws: Aws;
  readonly #clusterId: string;
  readonly #clock: Clock;
  readonly #refusals: Refusals;
  readonly #looks: LastLook;
  readonly #objects: PerObject;
  readonly #network: Cached<NetworkFacts>;
  readonly #instances: Cached<Instances>;
  readonly #backend: Cached<ObservedGroup | undefined>;
  readonly #nodeRules: Cached<readonly NodeRule[]>;

  constructor({ aws, clusterId, vpcId, refusals, clock }: ReaderOptions) {
    this.#aws = aws;
    this.#clusterId = clusterId;
    this.recent = new Recent(clock);
    this.#clock = clock;
    this.#refusals = refusals;
    this.#looks = new LastLook(clock);
    this.#objects = new PerObject(clock);
    this.health = new HealthWatch(
      (arn, signal) => this.#objects.must(healthKey(arn), () => readTargets(aws, arn, signal)),
      clock,
    );
    this.#network = new Cached(sharedMs, clock, (signal) => readNetwork(aws, vpcId, signal));
    this.#instances = new Cached(instancesMs, clock, async (signal) =>
      readInstances(aws, (await this.#network.get(signal)).vpcId, signal),
    );
    this.#backend = new Cached(sharedMs, clock, (signal) => this.#readBackend(signal));
    this.#nodeRules = new Cached(sharedMs, clock, (signal) => nodeRules(aws, clusterId, signal, this.recent));
  }

  async service(id: LbIdentity, from: Found | "live", signal: AbortSignal): Promise<ServiceObservation> {
    const found = from === "live" ? await this.#find(id, signal) : from;
    const details = this.#details(found.tags, from, signal);
    const isOf = ({ arn }: { readonly arn: string | undefined }): boolean => isOwn(found.tags.get(arn ?? "") ?? {}, id);
    const loadBalancers = await inTurn(
      found.loadBalancers.filter(({ LoadBalancerArn: arn }) => isOf({ arn })),
      (one) => observeLoadBalancer(one, found.listeners.get(one.LoadBalancerArn ?? "") ?? [], details),
    );
    const own = found.targetGroups.filter(({ TargetGroupArn: arn }) => isOf({ arn }));
    const listeners = loadBalancers.flatMap((one) => one.listeners);
    const used = new Set(listeners.flatMap(({ targetGroups }) => targetGroups.map((one) => one.targetGroup)));
    const isMoving =
      own.some(({ TargetGroupArn: arn = "" }) => !used.has(arn)) ||
      listeners.some(({ targetGroups }) => targetGroups.length > 1);
    return {
      kind: "service",
      network: await this.#network.get(signal),
      loadBalancers,
      targetGroups: await inTurn(own, (one) => observeTargetGroup(one, isMoving, details)),
      groups: found.groups.filter(({ tags }) => isOwn(tags, id)),
      backendGroup: await this.#ownBackend(signal),
    };
  }

  async members(id: LbIdentity, from: Found | "live", signal: AbortSignal): Promise<MembersObservation> {
    const found =
      from === "live" ? (this.#looks.of(id.uid, oneLookMs) ?? (await this.#findTargetGroups(id, signal))) : from;
    const own = found.targetGroups.filter(({ TargetGroupArn: arn = "" }) => isOwn(found.tags.get(arn) ?? {}, id));
    const details = this.#details(found.tags, from, signal);
    const { vpcId, vpcCidrs } = await this.#network.get(signal);
    const targetGroups = await inTurn(own, async (one) => ({
      ...(await observeMembers(one, details)),
      refused: this.#refusals.of(one.TargetGroupArn ?? ""),
    }));
    for (const { arn, targets, isUsed } of targetGroups) if (isUsed) this.health.note(id, arn, targets);
    return {
      kind: "members",
      targetGroups,
      vpcId,
      vpcCidrs,
      instances: await this.#instances.get(signal),
      backendGroup: await this.#ownBackend(signal),
      nodeRules: await this.#nodeRules.get(signal),
    };
  }

  async shared(from: Found | "live", signal: AbortSignal): Promise<SharedObservation> {
    if (from === "live") this.groupsChanged();
    return {
      kind: "shared",
      network: await this.#network.get(signal),
      backendGroup: await this.#backend.get(signal),
      instances: await this.#instances.get(signal),
      nodeRules: await this.#nodeRules.get(signal),
    };
  }

  /** What was seen of a Service a moment ago, with the state of its load balancers as it is now; undefined: nothing. */
  async recall({ uid }: LbIdentity, signal: AbortSignal): Promise<Found | undefined> {
    const last = this.#looks.of(uid, unchangedMs);
    if (last === undefined) return undefined;
    const arns = last.loadBalancers.map(({ LoadBalancerArn: arn = "" }) => arn);
    const loadBalancers = await describeLoadBalancers(this.#aws, arns, this.recent, signal);
    return { ...last, loadBalancers, isRecent: true };
  }

  /** All load balancers of the cluster, by as few requests as there can be. */
  async everything(signal: AbortSignal): Promise<Found> {
    const aws = this.#aws;
    const listed = await taggedObjects(aws, { clusterId: this.#clusterId }, [balancing], signal);
    const unlisted = this.recent.arns(undefined).filter((arn) => !listed.has(arn));
    const tags = new Map([...listed, ...(await tagsOf(aws, unlisted, signal))]);
    const { loadBalancers, listeners, targetGroups } = byKind([...tags.keys()]);
    this.#objects.keepOnly((key) => tags.has(key.split(" ")[0] ?? ""));
    const ofServices = { [`tag:${tagKeys.cluster}`]: this.#clusterId, [`tag:${tagKeys.uid}`]: "*" };
    const groups = await describeGroups(aws, ofServices, signal);
    const rules = groups.length === 0 ? [] : await describeRules(aws, ofServices, signal);
    return {
      loadBalancers: await describeLoadBalancers(aws, loadBalancers, this.recent, signal),
      listeners: byLoadBalancer(await describeListeners(aws, listeners, signal)),
      targetGroups: await describeTargetGroups(aws, targetGroups, this.recent, signal),
      tags,
      groups: groups.map((group) => observeGroup(group, rules)).sort((a, b) => (a.id < b.id ? -1 : 1)),
    };
  }

  /** Something was written, or may have been: of the Service of this UID, or to what has this ARN or ID. */
  changed(ref: string): void {
    this.#looks.changed(ref);
    this.#objects.changed(ref);
  }

  /** These were registered just now, or are being taken away: AWS need not be asked what there is. */
  targetsChanged(targetGroup: string, targets: readonly Target[], state: "initial" | "draining"): void {
    this.#objects.amend(healthKey(targetGroup), (seen: readonly ObservedTarget[]) => withState(seen, targets, state));
  }

  /** Security groups or their rules were changed. */
  groupsChanged(): void {
    this.#backend.clear();
    this.#nodeRules.clear();
  }

  async #find({ clusterId, uid }: LbIdentity, signal: AbortSignal): Promise<Found> {
    const aws = this.#aws;
    const at = this.#clock.monotonic();
    const arns = await this.#arnsOf(uid, [balancing], signal);
    const loadBalancers = await describeLoadBalancers(aws, arns.loadBalancers, this.recent, signal);
    const listeners = (
      await inTurn(loadBalancers, ({ LoadBalancerArn: arn = "" }) => listenersOf(aws, arn, signal))
    ).flat();
    const targetGroups = await describeTargetGroups(aws, arns.targetGroups, this.recent, signal);
    const all = [
      ...loadBalancers.map(({ LoadBalancerArn: arn = "" }) => arn),
      ...listeners.map(({ ListenerArn: arn = "" }) => arn),
      ...targetGroups.map(({ TargetGroupArn: arn = "" }) => arn),
    ];
    const found = {
      loadBalancers,
      listeners: byLoadBalancer(listeners),
      targetGroups,
      tags: await tagsOf(aws, all, signal),
      groups: await this.#groupsOf({ clusterId, uid }, signal),
    };
    this.#looks.keep(uid, found, at);
    return found;
  }

  async #findTargetGroups({ uid }: LbIdentity, signal: AbortSignal): Promise<Pick<Found, "targetGroups" | "tags">> {
    const arns = await this.#arnsOf(uid, [`${balancing}:targetgroup`], signal);
    const targetGroups = await describeTargetGroups(this.#aws, arns.targetGroups, this.recent, signal);
    const present = targetGroups.map(({ TargetGroupArn: arn = "" }) => arn);
    return { targetGroups, tags: await tagsOf(this.#aws, present, signal) };
  }

  async #arnsOf(uid: string, types: readonly string[], signal: AbortSignal): Promise<ReturnType<typeof byKind>> {
    const listed = await taggedObjects(this.#aws, { clusterId: this.#clusterId, uid }, types, signal);
    return byKind([...new Set([...listed.keys(), ...this.recent.arns(uid)])]);
  }

  async #groupsOf(
    { clusterId, uid }: Pick<LbIdentity, "clusterId" | "uid">,
    signal: AbortSignal,
  ): Promise<readonly ObservedGroup[]> {
    const filters = { [`tag:${tagKeys.cluster}`]: clusterId, [`tag:${tagKeys.uid}`]: uid };
    const groups = await describeGroups(this.#aws, filters, signal);
    const unseen = this.recent.groups(uid).filter(({ id }) => !groups.some(({ GroupId }) => GroupId === id));
    const ids = [...groups.map(({ GroupId = "" }) => GroupId), ...unseen.map(({ id }) => id)];
    const shown = ids.length === 0 ? [] : await describeRules(this.#aws, { "group-id": ids }, signal);
    const rules = this.recent.withRules(shown, () => true);
    return [
      ...groups.map((group) => observeGroup(group, rules)),
      ...unseen.map((group) => ({ ...group, rules: rulesOf(group.id, rules) })),
    ].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #readBackend(signal: AbortSignal): Promise<ObservedGroup | undefined> {
    const { vpcId } = await this.#network.get(signal);
    const name = backendGroupName(this.#clusterId);
    const [found] = await describeGroups(this.#aws, { "vpc-id": vpcId, "group-name": name }, signal);
    if (found !== undefined) return observeGroup(found, []);
    const unseen = this.recent.groups("").find((group) => group.name === name);
    return unseen === undefined ? undefined : { ...unseen, rules: [] };
  }

  async #ownBackend(signal: AbortSignal): Promise<string | undefined> {
    const found = await this.#backend.get(signal);
    return found?.tags[tagKeys.cluster] === this.#clusterId ? found.id : undefined;
  }

  #details(tags: TagsByArn, from: Found | "live", signal: AbortSignal): Details {
    const look: Look = from === "live" ? "live" : from.isRecent === true ? "recent" : "seldom";
    return { aws: this.#aws, objects: this.#objects, tags, look, signal };
  }
}

/** What these ARNs are of. */
function byKind(arns: readonly string[]): Readonly<Record<"loadBalancers" | "listeners" | "targetGroups", string[]>> {
  const of = (kind: string): string[] => arns.filter((arn) => arn.includes(`:${kind}/`)).sort();
  return { loadBalancers: of("loadbalancer"), listeners: of("listener"), targetGroups: of("targetgroup") };
}

function byLoadBalancer(listeners: readonly Listener[]): Found["listeners"] {
  return Map.groupBy(listeners, ({ LoadBalancerArn: arn = "" }) => arn);
}
