import {
  type LoadBalancerClass,
  type ProviderBlock,
  type ProviderParameters,
  providerBlocks,
} from "../../api/index.ts";
import { parseClass } from "../../api/schemas/index.ts";
import { type Classes, type ClassPolicy, idleTerms } from "../../model/index.ts";
import type { Finding } from "../status/conditions.ts";
import { reasons } from "../status/findings.ts";

export interface MergedClasses {
  readonly classes: Classes;
  /** By the name of the object, for each that names a provider which runs here. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

/** What is to be said of an object: whether it is accepted, and why not. */
export interface Verdict extends Finding {
  /** Undefined where it names none or several. */
  readonly provider: string | undefined;
}

/**
 * What flags and objects say together. An object wins over flags, an older object over a younger one, whoever runs its
 * provider: all instances of the controller come to the same conclusion, so that a Service has one owner.
 */
export function classesFrom(flags: Classes, objects: readonly LoadBalancerClass[]): MergedClasses {
  const verdicts = new Map<string, Verdict>();
  const byClass = new Map(flags.byClass);
  const owners = new Map<string, string>();
  let standard: Claim | undefined;
  for (const object of objects.toSorted(olderFirst)) {
    const { name = "" } = object.metadata;
    const providers = providersOf(object);
    const say = (finding: Finding): void => {
      const [provider] = providers.length === 1 ? providers : [];
      if (providers.some((each) => flags.providers.includes(each))) verdicts.set(name, { ...finding, provider });
    };
    const claim = claimOf(object, providers);
    if ("refused" in claim) {
      say(claim.refused);
      continue;
    }
    const { loadBalancerClass, provider } = claim.policy;
    const owner = owners.get(loadBalancerClass);
    if (owner !== undefined) {
      say(conflict(loadBalancerClass, owner));
      continue;
    }
    owners.set(loadBalancerClass, name);
    if (flags.providers.includes(provider)) byClass.set(loadBalancerClass, claim.policy);
    else byClass.delete(loadBalancerClass);
    say(claim.isDefault && standard !== undefined ? secondDefault(standard) : acceptedWith(claim));
    if (claim.isDefault) standard ??= claim;
  }
  return {
    classes: { ...flags, byClass, unclassed: unclassedOf(flags, byClass, standard) },
    verdicts,
  };
}

/** What an object says, whether or not it may. */
interface Claim {
  readonly name: string;
  readonly policy: ClassPolicy;
  readonly isDefault: boolean;
}

/** An API server may have another schema of the kind than we, or none. */
function claimOf(object: LoadBalancerClass, [provider = ""]: readonly string[]): Claim | { readonly refused: Finding } {
  const parsed = parseClass(object);
  if ("issues" in parsed)
    return { refused: refusal("Invalid", parsed.issues.map(({ path, message }) => `${path}: ${message}`).join("; ")) };
  const { isDefault = false, ...spec } = parsed.value.spec;
  const policy: { -readonly [K in keyof typeof spec]: (typeof spec)[K] } = { ...spec };
  for (const block of Object.keys(providerBlocks) as ProviderBlock[]) delete policy[block];
  return { name: object.metadata.name ?? "", policy: { ...policy, provider, ...parametersOf(spec) }, isDefault };
}

function parametersOf({ gcpL4 = {} }: ProviderParameters): Pick<ClassPolicy, "parameters"> {
  return Object.keys(gcpL4).length === 0 ? {} : { parameters: { gcpL4 } };
}

/** Of all its blocks; a sound object has one. */
function providersOf({ spec }: LoadBalancerClass): readonly string[] {
  return Object.entries(providerBlocks).flatMap(([block, provider]) =>
    Object.hasOwn(Object(spec), block) ? [provider] : [],
  );
}

function olderFirst({ metadata: a }: LoadBalancerClass, { metadata: b }: LoadBalancerClass): number {
  const [first, second] = [a, b].map(({ creationTimestamp = "", uid = "" }) => `${creationTimestamp} ${uid}`);
  return (first ?? "") < (second ?? "") ? -1 : 1;
}

function conflict(loadBalancerClass: string, name: string): Finding {
  return refusal(
    "Conflict",
    `the older LoadBalancerClass ${name} is ${loadBalancerClass} already; delete one of the two, or make this one anew with another class`,
  );
}

function secondDefault({ name }: Claim): Finding {
  const message = `Services of this class are served, but those without a class get the older default ${name}; set isDefault of one of the two to false`;
  return { status: true, reason: "DefaultConflict", message };
}

function acceptedWith({ policy }: Claim): Finding {
  const idle = idleTerms(policy);
  const message = "Services of this class are served";
  if (idle.length === 0) return { status: true, reason: "Accepted", message };
  return { status: true, reason: reasons.unknownAnnotation, message: `${message}, but ${idle.join("; ")}` };
}

function refusal(reason: string, message: string): Finding {
  return { status: false, reason, message };
}

/** Who takes Services without a class: a default object, else the class that flags name, as objects have it. */
function unclassedOf(
  { providers, unclassed }: Classes,
  byClass: ReadonlyMap<string, ClassPolicy>,
  standard: Claim | undefined,
): ClassPolicy | undefined {
  if (standard !== undefined) return providers.includes(standard.policy.provider) ? standard.policy : undefined;
  const known = byClass.get(unclassed?.loadBalancerClass ?? "");
  return known !== undefined && known.provider === unclassed?.provider ? known : unclassed;
}
