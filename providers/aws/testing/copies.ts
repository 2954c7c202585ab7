import {
  type Group,
  type Listener,
  type LoadBalancer,
  type State,
  type Tags,
  type TargetGroup,
  vpcId,
} from "../../../sandbox/aws/index.ts";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { ownerTags } from "../identity.ts";
import { loadBalancerName, targetGroupName } from "../plan/index.ts";
import { type ListenerSpec, nlbSpec } from "../schema/index.ts";

/** All that the first Service there has, as another one has it: without a request. */
export function copyFor(state: State, lb: DesiredLoadBalancer): void {
  const { spec } = nlbSpec(lb, { region: "eu-west-1", agents: true });
  const name = loadBalancerName(lb, spec, vpcId);
  const [balancer, group, listener] = [state.loadBalancers, state.targetGroups, state.listeners].map(
    (all) => [...all.values()][0],
  ) as [LoadBalancer, TargetGroup, Listener];
  const frontend = [...state.groups.values()].find((one) => one.name === balancer.name) as Group;
  const owned = (tags: Tags): Tags => new Map([...tags, ...Object.entries(ownerTags(lb.id))]);
  const own = { ...frontend, id: state.nextId("sg-"), name, tags: owned(frontend.tags) };
  const rules = frontend.rules.map((rule) => ({ ...rule, id: state.nextId("sgr-"), tags: owned(rule.tags) }));
  state.groups.set(own.id, { ...own, rules });
  const groups = balancer.groups.map((id) => (id === frontend.id ? own.id : id));
  const arn = state.arn("loadbalancer/net", name);
  state.loadBalancers.set(arn, { ...balancer, arn, name, groups, tags: owned(balancer.tags) });
  const groupName = targetGroupName(lb.id, name, spec.listeners[0] as ListenerSpec);
  const groupArn = state.arn("targetgroup", groupName);
  state.targetGroups.set(groupArn, { ...group, arn: groupArn, name: groupName, tags: owned(group.tags) });
  const listenerArn = state.arn("listener/net", name);
  const forward = [{ group: groupArn, weight: 1 }];
  state.listeners.set(listenerArn, {
    ...listener,
    arn: listenerArn,
    loadBalancer: arn,
    forward,
    tags: owned(listener.tags),
  });
}
