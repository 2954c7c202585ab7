import { assertNever } from "../../src/base/index.ts";
import { type PlanStep, ProviderError, type StepResult } from "../../src/provider/index.ts";
import type { Action, Ref } from "./actions.ts";
import type { Aws, Made } from "./aws.ts";
import { callOf } from "./calls.ts";
import { awsCode } from "./errors.ts";
import { refuseForeign, tagKeys } from "./identity.ts";
import { findNamed, type Named, type Reader } from "./reading/index.ts";
import type { Refusals } from "./refusals.ts";

type Of<Kind extends Action["kind"]> = Extract<Action, { readonly kind: Kind }>;

/** What has a name at AWS, which nobody else may have. */
type NamedCreation = Of<"createLoadBalancer" | "createTargetGroup" | "createGroup">;

/** AWS lets go of what a thing hung on only after a while. */
const holdingOn: Readonly<Record<string, { readonly what: string; readonly pollAfterMs: number }>> = {
  ResourceInUse: { what: "AWS still counts the target group as used", pollAfterMs: 2000 },
  DependencyViolation: { what: "network interfaces still have the security group", pollAfterMs: 10_000 },
};

export interface WriterOptions {
  readonly aws: Aws;
  readonly reader: Reader;
  readonly refusals: Refusals;
}

/** Does at AWS what a step says: one request, or as many as it takes to keep one bad item from spoiling a batch. */
export class Writer {
  readonly #aws: Aws;
  readonly #reader: Reader;
  readonly #refusals: Refusals;

  constructor({ aws, reader, refusals }: WriterOptions) {
    this.#aws = aws;
    this.#reader = reader;
    this.#refusals = refusals;
  }

  async apply({ input }: PlanStep, outputs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<StepResult> {
    const action = input as Action;
    const idOf = (ref: Ref): string => resolved(ref, outputs);
    try {
      return await this.#apply(action, idOf, signal);
    } finally {
      // A failure does not mean that nothing was done.
      for (const ref of touchedBy(action)) this.#reader.changed(typeof ref === "string" ? ref : resolved(ref, outputs));
    }
  }

  async #apply(action: Action, idOf: (ref: Ref) => string, signal: AbortSignal): Promise<StepResult> {
    switch (action.kind) {
      case "createLoadBalancer":
      case "createTargetGroup":
      case "createGroup":
        return this.#create(action, idOf, signal);
      case "deleteLoadBalancer":
      case "deleteTargetGroup":
      case "deleteGroup":
        return this.#delete(action, signal);
      case "registerTargets":
      case "deregisterTargets":
        return this.#targets(action, signal);
      case "authorize":
      case "revoke":
        return this.#rules(action, idOf, signal);
      case "setAttributes":
      case "setSecurityGroups":
      case "setSubnets":
      case "modifyTargetGroup":
      case "createListener":
      case "modifyListener":
      case "addCertificates":
      case "removeCertificates":
      case "deleteListener":
      case "addTags":
      case "removeTags":
        return this.#change(action, idOf, signal);
      default:
        return assertNever(action, "action");
    }
  }

  /** AWS would give us what somebody else made alike under the same name, so that is looked at first. */
  async #create(action: NamedCreation, idOf: (ref: Ref) => string, signal: AbortSignal): Promise<StepResult> {
    const { tags, name } = action;
    const uid = tags[tagKeys.uid] ?? "";
    const found = await findNamed(this.#aws, namedBy(action), signal);
    if (found !== undefined)
      refuseForeign(`${words[action.kind]} ${name}`, found.tags, { clusterId: tags[tagKeys.cluster] ?? "", uid });
    const made = found ?? (await this.#make(action, idOf, signal));
    if (made === undefined)
      return { state: "pending", what: `AWS does not show security group ${name} yet`, pollAfterMs: 2000 };
    const { arn, id } = made;
    if (arn !== undefined) this.#reader.recent.note(uid, arn);
    if (id !== undefined) this.#reader.recent.note(uid, id, { id, name, tags });
    if (action.kind === "createGroup") this.#reader.groupsChanged();
    return { state: "done", outputs: { ...(arn !== undefined && { arn }), ...(id !== undefined && { id }) } };
  }

  /** Undefined: it is there, but EC2 does not show it yet. */
  async #make(action: NamedCreation, idOf: (ref: Ref) => string, signal: AbortSignal): Promise<Made | undefined> {
    try {
      return await this.#aws.write(callOf(action, idOf), signal);
    } catch (error) {
      if (codeOf(error) !== "InvalidGroup.Duplicate") throw error;
      return undefined;
    }
  }

  async #delete(
    action: Of<"deleteLoadBalancer" | "deleteTargetGroup" | "deleteGroup">,
    signal: AbortSignal,
  ): Promise<StepResult> {
    const ref = action.kind === "deleteGroup" ? action.id : action.arn;
    try {
      await this.#aws.write(callOf(action, String), signal);
    } catch (error) {
      const held = holdingOn[codeOf(error)];
      if (held === undefined) throw error;
      return { state: "pending", ...held };
    }
    this.#reader.recent.forget(ref);
    this.#refusals.forget(ref);
    if (action.kind === "deleteGroup") this.#reader.groupsChanged();
    return { state: "done" };
  }

  async #targets(action: Of<"registerTargets" | "deregisterTargets">, signal: AbortSignal): Promise<StepResult> {
    const { kind, targetGroup, targets } = action;
    const isComing = kind === "registerTargets";
    let isKnown = false;
    try {
      const bad = await isolated(targets, ["InvalidTarget"], (some) =>
        this.#aws.write(callOf({ ...action, targets: some }, String), signal),
      );
      const done = targets.filter((one) => !bad.includes(one));
      this.#reader.targetsChanged(targetGroup, done, isComing ? "initial" : "draining");
      if (isComing)
        this.#refusals.note(
          targetGroup,
          bad.map(({ id }) => id),
        );
      isKnown = isComing || bad.length === 0;
    } finally {
      if (!isKnown) this.#reader.changed(targetGroup);
    }
    return { state: "done" };
  }

  /** What is there, or gone, already is as it should be. */
  async #rules(
    action: Of<"authorize" | "revoke">,
    idOf: (ref: Ref) => string,
    signal: AbortSignal,
  ): Promise<StepResult> {
    const { recent } = this.#reader;
    if (action.kind === "authorize")
      await isolated(action.rules, ["InvalidPermission.Duplicate"], async (rules) => {
        const made = await this.#aws.write(callOf({ ...action, rules }, idOf), signal);
        recent.noteRules(made.rules ?? []);
      });
    else
      await isolated(action.rules, ["InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"], (rules) => {
        recent.forgetRules(rules);
        return this.#aws.write(callOf({ ...action, rules }, idOf), signal);
      });
    this.#reader.groupsChanged();
    return { state: "done" };
  }

  async #change(action: Action, idOf: (ref: Ref) => string, signal: AbortSignal): Promise<StepResult> {
    const { arn } = await this.#aws.write(callOf(action, idOf), signal);
    const issue = action.kind === "modifyListener" ? action.issue : undefined;
    return {
      state: "done",
      outputs: arn === undefined ? {} : { arn },
      ...(issue !== undefined && { issues: [issue] }),
    };
  }
}

/** ARNs and IDs of what an action changes, or the UID of the Service that gets something new. */
function touchedBy(action: Action): readonly Ref[] {
  switch (action.kind) {
    case "createLoadBalancer":
    case "createTargetGroup":
    case "createGroup":
      return [action.tags[tagKeys.uid] ?? ""];
    case "createListener":
      return [action.tags[tagKeys.uid] ?? "", action.loadBalancer];
    case "addCertificates":
    case "removeCertificates":
      return [action.listener];
    case "registerTargets":
    case "deregisterTargets":
      // It tells by itself.
      return [];
    case "authorize":
    case "revoke":
      return [action.group];
    case "deleteGroup":
    case "addTags":
    case "removeTags":
      return [action.id];
    case "setAttributes":
    case "setSecurityGroups":
    case "setSubnets":
    case "deleteLoadBalancer":
    case "modifyTargetGroup":
    case "deleteTargetGroup":
    case "modifyListener":
    case "deleteListener":
      return [action.arn];
    default:
      return assertNever(action, "action");
  }
}

const words = {
  createLoadBalancer: "load balancer",
  createTargetGroup: "target group",
  createGroup: "security group",
} as const;

function namedBy(action: NamedCreation): Named {
  switch (action.kind) {
    case "createLoadBalancer":
      return { kind: "loadBalancer", name: action.name };
    case "createTargetGroup":
      return { kind: "targetGroup", name: action.name };
    case "createGroup":
      return { kind: "group", name: action.name, vpcId: action.vpcId };
    default:
      return assertNever(action, "creation");
  }
}

/**
 * Sends all items; where AWS refuses a batch by one of these words, each half of it alone, until only the bad ones are
 * left. Returns those.
 */
async function isolated<T>(
  items: readonly T[],
  codes: readonly string[],
  send: (items: readonly T[]) => Promise<unknown>,
): Promise<readonly T[]> {
  try {
    await send(items);
    return [];
  } catch (error) {
    if (!codes.includes(codeOf(error))) throw error;
    if (items.length === 1) return items;
    const middle = Math.ceil(items.length / 2);
    const first = await isolated(items.slice(0, middle), codes, send);
    return [...first, ...(await isolated(items.slice(middle), codes, send))];
  }
}

function codeOf(error: unknown): string {
  return error instanceof ProviderError ? awsCode(error.cause) : "";
}

function resolved(ref: Ref, outputs: ReadonlyMap<string, string>): string {
  if (typeof ref === "string") return ref;
  const id = outputs.get(`${ref.step}.${ref.output}`);
  if (id === undefined) throw new Error(`step ${ref.step} gave no ${ref.output}`);
  return id;
}
