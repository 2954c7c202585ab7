import {
  isClassName,
  type LoadBalancerClass,
  type LoadBalancerClassPolicy,
  type ProviderBlock,
  providerBlocks,
} from "../../api/index.ts";
import type { Classes, ClassPolicy } from "../../model/index.ts";
import type { Finding } from "../status/conditions.ts";

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
  const owners = new Map<string, Claim>();
  let standard: Claim | undefined;
  for (const claim of objects.map(claimOf).sort(olderFirst)) {
    const { name, policy, providers, isDefault } = claim;
    const say = (finding: Finding): void => {
      const [provider] = providers.length === 1 ? providers : [];
      if (providers.some((each) => flags.providers.includes(each))) verdicts.set(name, { ...finding, provider });
    };
    const owner = owners.get(policy.loadBalancerClass);
    const objection = objectionTo(claim) ?? (owner && conflict(policy.loadBalancerClass, owner));
    if (objection !== undefined) {
      say(objection);
      continue;
    }
    owners.set(policy.loadBalancerClass, claim);
    if (flags.providers.includes(policy.provider)) byClass.set(policy.loadBalancerClass, policy);
    else byClass.delete(policy.loadBalancerClass);
    say(isDefault && standard !== undefined ? secondDefault(standard) : accepted);
    if (isDefault) standard ??= claim;
  }
  return {
    classes: { providers: flags.providers, byClass, unclassed: unclassedOf(flags, byClass, standard) },
    verdicts,
  };
}

/** An object read: what it claims, whether or not it may. */
interface Claim {
  readonly name: string;
  /** `creationTimestamp`, then UID. */
  readonly age: string;
  /** Of all its blocks. */
  readonly providers: readonly string[];
  readonly policy: ClassPolicy;
  readonly isDefault: boolean;
}

function claimOf({ metadata, spec }: LoadBalancerClass): Claim {
  const { isDefault = false, ...rest } = spec;
  const providers = (Object.keys(providerBlocks) as ProviderBlock[])
    .filter((block) => spec[block] !== undefined)
    .map((block) => providerBlocks[block]);
  const policy = Object.fromEntries(Object.entries(rest).filter(([key]) => !Object.hasOwn(providerBlocks, key)));
  const { name = "", creationTimestamp = "", uid = "" } = metadata;
  return {
    name,
    age: `${creationTimestamp} ${uid}`,
    providers,
    policy: { ...(policy as unknown as LoadBalancerClassPolicy), provider: providers[0] ?? "" },
    isDefault,
  };
}

function olderFirst(a: Claim, b: Claim): number {
  return a.age < b.age ? -1 : 1;
}

/** The schema of the kind refuses these; an API server may have an older or no schema. */
function objectionTo({ providers, policy: { loadBalancerClass } }: Claim): Finding | undefined {
  if (providers.length !== 1)
    return refusal("Invalid", `spec has blocks of ${providers.join(", ")}; leave one, it names the provider`);
  if (isClassName(loadBalancerClass)) return undefined;
  return refusal(
    "Invalid",
    `spec.loadBalancerClass: ${JSON.stringify(loadBalancerClass)} is no class; give DOMAIN/NAME`,
  );
}

function conflict(loadBalancerClass: string, { name }: Claim): Finding {
  return refusal(
    "Conflict",
    `the older LoadBalancerClass ${name} is ${loadBalancerClass} already; delete one of the two, or make this one anew with another class`,
  );
}

function secondDefault({ name }: Claim): Finding {
  const message = `Services of this class are served, but those without a class get the older default ${name}; set isDefault of one of the two to false`;
  return { status: true, reason: "DefaultConflict", message };
}

const accepted: Finding = { status: true, reason: "Accepted", message: "Services of this class are served" };

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
