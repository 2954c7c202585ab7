// What a step does to AWS in memory; it throws where AWS would refuse.
import { assertNever } from "../../../src/base/index.ts";
import type { PlanStep } from "../../../src/provider/index.ts";
import type { Action, ListenerContent, Ref } from "../actions.ts";
import { tagKeys } from "../identity.ts";
import { fallbacksOf, listenerAttributes, loadBalancerAttributes, targetGroupAttributes } from "../schema/index.ts";
import { desiredLb } from "./values.ts";
import type { Group, Listener, LoadBalancer, TargetGroup, World } from "./world.ts";

const { clusterId } = desiredLb().id;

export class Mutations {
  readonly #world: World;
  /** How many things were made. */
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Returns the outputs of the step. */
  apply({ input }: PlanStep, outputs: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
    const action = input as Action;
    const idOf = (ref: Ref): string => {
      const id = typeof ref === "string" ? ref : outputs.get(`${ref.step}.${ref.output}`);
      if (id === undefined) throw new Error(`${JSON.stringify(ref)} does not exist`);
      return id;
    };
    switch (action.kind) {
      case "createLoadBalancer":
      case "createTargetGroup":
      case "createListener":
      case "createGroup":
        return this.#create(action, idOf);
      case "deleteLoadBalancer":
      case "deleteTargetGroup":
      case "deleteListener":
      case "deleteGroup":
        this.#delete(action);
        return {};
      case "registerTargets":
      case "deregisterTargets":
        this.#targets(action);
        return {};
      case "addTags":
      case "removeTags":
        this.#tag(action);
        return {};
      case "setAttributes":
      case "setSecurityGroups":
      case "setSubnets":
      case "modifyTargetGroup":
      case "modifyListener":
      case "addCertificates":
      case "removeCertificates":
      case "authorize":
      case "revoke":
        this.#change(action, idOf);
        return {};
      default:
        return assertNever(action, "action");
    }
  }

  #create(action: Extract<Action, { kind: `create${string}` }>, idOf: (ref: Ref) => string): Record<string, string> {
    const { tags } = action;
    if (tags[tagKeys.cluster] === undefined) throw new Error(`${action.kind} without the tags of an owner`);
    const arn = `arn-${++this.#count}`;
    const isTaken = (list: readonly { readonly name: string }[], name: string): void => {
      if (list.some((one) => one.name === name)) throw new Error(`${name} exists`);
    };
    switch (action.kind) {
      case "createLoadBalancer": {
        const { name, scheme, ipAddressType, sourceNat, subnets, groups } = action;
        isTaken(this.#world.loadBalancers, name);
        this.#world.loadBalancers.push({
          arn,
          name,
          scheme,
          ipAddressType,
          sourceNat,
          tags,
          state: "provisioning",
          stateReason: "",
          hostname: `${name}-1.elb.EU-west-1.amazonaws.com`,
          vpcId: this.#world.network.vpcId,
          subnets: subnets.map((one) => one.subnet),
          groups: groups.map((ref) => this.#group(idOf(ref)).id),
          privateLink: groups.length > 0 ? true : undefined,
          attributes: fallbacksOf(loadBalancerAttributes),
          listeners: [],
        });
        return { arn };
      }
      case "createTargetGroup": {
        const { name, protocol, vpcId, healthCheck } = action;
        isTaken(this.#world.targetGroups, name);
        const attributes = fallbacksOf(targetGroupAttributes(protocol));
        this.#world.targetGroups.push({
          arn,
          name,
          protocol,
          vpcId,
          healthCheck,
          attributes,
          tags,
          health: undefined,
          targets: [],
        });
        return { arn };
      }
      case "createListener": {
        const { listeners } = this.#loadBalancer(idOf(action.loadBalancer));
        if (listeners.some(({ port }) => port === action.port)) throw new Error(`DuplicateListener ${action.port}`);
        if (listeners.length >= 50) throw new Error("TooManyListeners");
        const attributes = fallbacksOf(listenerAttributes(action.content.protocol));
        listeners.push({ arn, port: action.port, attributes, tags, ...this.#content(action.content, idOf) });
        return { arn };
      }
      case "createGroup": {
        const id = `sg-0${this.#count}`;
        isTaken(this.#world.groups, action.name);
        this.#world.groups.push({ id, name: action.name, tags, rules: [] });
        return { id };
      }
      default:
        return assertNever(action, "creation");
    }
  }

  #content(
    { protocol, targetGroups, tls }: ListenerContent,
    idOf: (ref: Ref) => string,
  ): Pick<Listener, "protocol" | "targetGroups" | "tls"> {
    const groups = targetGroups.map(({ targetGroup, weight }) => ({ targetGroup: idOf(targetGroup), weight }));
    for (const { targetGroup } of groups) {
      const group = this.#targetGroup(targetGroup);
      const fits = group.protocol === protocol || (protocol === "TLS" && group.protocol === "TCP");
      if (!fits) throw new Error(`a listener of ${protocol} cannot send to ${group.protocol}`);
    }
    // More certificates are added beside it.
    return { protocol, targetGroups: groups, tls: tls && { ...tls, certificates: tls.certificates.slice(0, 1) } };
  }

  #delete(action: Extract<Action, { kind: `delete${string}` }>): void {
    switch (action.kind) {
      case "deleteLoadBalancer":
        return remove(this.#world.loadBalancers, own(this.#loadBalancer(action.arn)));
      case "deleteListener": {
        const owner = this.#world.loadBalancers.find(({ listeners }) =>
          listeners.some(({ arn }) => arn === action.arn),
        );
        return remove(owner?.listeners ?? [], own(this.#listener(action.arn)));
      }
      case "deleteTargetGroup":
        if (
          this.#world.listeners().some((one) => one.targetGroups.some(({ targetGroup }) => targetGroup === action.arn))
        )
          throw new Error("ResourceInUse");
        return remove(this.#world.targetGroups, own(this.#targetGroup(action.arn)));
      case "deleteGroup": {
        const isNamed = this.#world.groups.some(({ rules }) => rules.some(({ source }) => source === action.id));
        if (isNamed || this.#world.loadBalancers.some(({ groups }) => groups.includes(action.id)))
          throw new Error("DependencyViolation");
        return remove(this.#world.groups, own(this.#group(action.id)));
      }
    }
  }

  #targets(action: Extract<Action, { kind: "registerTargets" | "deregisterTargets" }>): void {
    const group = own(this.#targetGroup(action.targetGroup));
    if (action.targets.length > 100) throw new Error("too many at once");
    for (const { id, port } of action.targets) {
      const known = group.targets.find((one) => one.id === id && one.port === port);
      if (action.kind === "deregisterTargets") {
        if (known !== undefined) known.state = "draining";
        continue;
      }
      if (this.#world.instances.get(id)?.state !== "running") throw new Error(`InvalidTarget ${id}`);
      if (known !== undefined) known.state = "initial";
      else group.targets.push({ id, port, state: "initial", reason: "Elb.RegistrationInProgress" });
    }
    if (group.targets.filter(({ state }) => state !== "draining").length > 1000) throw new Error("TooManyTargets");
  }

  #tag(action: Extract<Action, { kind: "addTags" | "removeTags" }>): void {
    const objects = [...this.#world.loadBalancers, ...this.#world.targetGroups, ...this.#world.listeners()];
    const object = objects.find(({ arn }) => arn === action.id) ?? this.#group(action.id);
    own(object);
    if (action.kind === "addTags") object.tags = { ...object.tags, ...action.tags };
    else object.tags = Object.fromEntries(Object.entries(object.tags).filter(([name]) => !action.keys.includes(name)));
  }

  #change(
    action: Exclude<
      Action,
      { kind: `create${string}` | `delete${string}` | `${string}Targets` | "addTags" | "removeTags" }
    >,
    idOf: (ref: Ref) => string,
  ): void {
    switch (action.kind) {
      case "setAttributes": {
        const arn = idOf(action.arn);
        const owner = {
          loadBalancer: () => own(this.#loadBalancer(arn)),
          targetGroup: () => own(this.#targetGroup(arn)),
          listener: () => own(this.#listener(arn)),
        }[action.of]();
        owner.attributes = { ...owner.attributes, ...action.attributes };
        return;
      }
      case "setSecurityGroups": {
        const one = own(this.#loadBalancer(idOf(action.arn)));
        const groups = action.groups.map((ref) => this.#group(idOf(ref)).id);
        if ((groups.length === 0) !== (one.groups.length === 0))
          throw new Error("security groups are there for ever or never");
        Object.assign(one, { groups, privateLink: action.privateLink });
        return;
      }
      case "setSubnets": {
        const { ipAddressType, sourceNat, subnets } = action;
        Object.assign(own(this.#loadBalancer(action.arn)), {
          ipAddressType,
          sourceNat,
          subnets: subnets.map((one) => one.subnet),
        });
        return;
      }
      case "modifyTargetGroup":
        own(this.#targetGroup(action.arn)).healthCheck = action.healthCheck;
        return;
      case "modifyListener": {
        const listener = own(this.#listener(action.arn));
        const isOther = listener.protocol !== action.content.protocol;
        const more = listener.tls?.certificates.slice(1) ?? [];
        Object.assign(listener, this.#content(action.content, idOf));
        if (isOther) listener.attributes = fallbacksOf(listenerAttributes(listener.protocol));
        if (listener.tls !== undefined)
          listener.tls = {
            ...listener.tls,
            certificates: [
              ...listener.tls.certificates,
              ...more.filter((one) => !listener.tls?.certificates.includes(one)),
            ],
          };
        return;
      }
      case "addCertificates":
      case "removeCertificates": {
        const listener = own(this.#listener(idOf(action.listener)));
        if (listener.tls === undefined) throw new Error("certificates without TLS");
        const rest = listener.tls.certificates.filter((one) => !action.certificates.includes(one));
        const certificates = action.kind === "addCertificates" ? [...rest, ...action.certificates] : rest;
        listener.tls = { ...listener.tls, certificates };
        return;
      }
      case "authorize": {
        if (action.tags[tagKeys.cluster] === undefined) throw new Error("rules without the tags of an owner");
        const { rules } = this.#group(idOf(action.group));
        for (const rule of action.rules) {
          const isKnown = rules.some((one) =>
            ["protocol", "from", "to", "source"].every((key) => one[key as "from"] === rule[key as "from"]),
          );
          if (isKnown) throw new Error("InvalidPermission.Duplicate");
          rules.push({ ...rule, id: `sgr-${++this.#count}`, tags: action.tags });
        }
        return;
      }
      case "revoke": {
        const group = this.#group(action.group);
        for (const id of action.rules) {
          const rule = group.rules.find((one) => one.id === id);
          remove(group.rules, own(found(rule, id)));
        }
        return;
      }
      default:
        assertNever(action, "action");
    }
  }

  #loadBalancer(arn: string): LoadBalancer {
    return found(
      this.#world.loadBalancers.find((one) => one.arn === arn),
      arn,
    );
  }

  #targetGroup(arn: string): TargetGroup {
    return found(
      this.#world.targetGroups.find((one) => one.arn === arn),
      arn,
    );
  }

  #listener(arn: string): Listener {
    return found(
      this.#world.listeners().find((one) => one.arn === arn),
      arn,
    );
  }

  #group(id: string): Group {
    return found(
      this.#world.groups.find((one) => one.id === id),
      id,
    );
  }
}

/** Nothing is changed or deleted but what carries the cluster's tag. */
function own<T extends { readonly tags: Readonly<Record<string, string>> }>(object: T): T {
  if (object.tags[tagKeys.cluster] !== clusterId) throw new Error(`not ours: ${JSON.stringify(object)}`);
  return object;
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} does not exist`);
  return value;
}

function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}
