import { annotations, type DeletionPolicy, type Scheme, type Service, sourceRangesAnnotation } from "../api/index.ts";
import { agentKeys } from "./annotation-keys.ts";
import type { ClassPolicy } from "./class-policy.ts";
import type { Issue } from "./load-balancer.ts";

/** What a Service has to say about its load balancer once its class has had its word. */
export interface Terms {
  readonly annotations: Readonly<Record<string, string>>;
  readonly loadBalancerIp: string | undefined;
  readonly issues: readonly Issue[];
}

/** What stands before the names that clouds read; other annotations are no wishes of a load balancer. */
const cloudPrefixes = ["service.beta.kubernetes.io/", "networking.gke.io/", "cloud.google.com/"] as const;

const wishKeys: ReadonlySet<string> = new Set([...Object.values(annotations), sourceRangesAnnotation]);

/** The Service's annotations as far as its class allows them, over those that the class has for all. */
export function termsOf({ metadata, spec }: Service, policy: ClassPolicy): Terms {
  const own = Object.entries(metadata.annotations ?? {});
  const { allowedOverrides, defaults = {} } = policy;
  if (allowedOverrides === undefined)
    return { annotations: { ...defaults, ...metadata.annotations }, loadBalancerIp: spec?.loadBalancerIP, issues: [] };
  const allowed = new Set(allowedOverrides);
  const ignored = own.filter(([key]) => isWish(key) && !allowed.has(key)).map(([key]) => key);
  const kept = own.filter(([key]) => !ignored.includes(key));
  const issues = ignored.sort().map((key) => notAllowed(annotationPath(key), key, policy));
  const { loadBalancerIP } = spec ?? {};
  // The older word for the same wish.
  const mayAsk = loadBalancerIP === undefined || allowed.has(annotations.loadBalancerIps);
  if (!mayAsk) issues.push(notAllowed("spec.loadBalancerIP", annotations.loadBalancerIps, policy));
  return {
    annotations: { ...defaults, ...Object.fromEntries(kept) },
    loadBalancerIp: mayAsk ? loadBalancerIP : undefined,
    issues,
  };
}

/** Whether nothing is to be done for the Service; without a class all that it says counts. */
export function isPaused(service: Service, policy: ClassPolicy | undefined): boolean {
  return annotationsOf(service, policy)[annotations.paused] === "true";
}

/**
 * What becomes of the load balancer of a Service that is deleted; undefined when it cannot be read. One that wanted none
 * any more before has none to keep.
 */
export function deletionPolicyOf(service: Service, policy: ClassPolicy | undefined): DeletionPolicy | undefined {
  if (service.spec?.type !== "LoadBalancer") return "Delete";
  const text = annotationsOf(service, policy)[annotations.deletionPolicy] ?? policy?.deletionPolicy ?? "Delete";
  return text === "Delete" || text === "Retain" ? text : undefined;
}

/** Undefined: nobody says, so the provider decides. */
export function schemeOf(
  terms: Terms,
  { loadBalancerClass, schemes }: ClassPolicy,
  issues: Issue[],
): Scheme | undefined {
  const text = terms.annotations[annotations.scheme] ?? schemes?.[0];
  if (text === undefined) return undefined;
  const path = annotationPath(annotations.scheme);
  if (text !== "internal" && text !== "internet-facing") {
    const message = `${JSON.stringify(text)} is no scheme; give internal or internet-facing`;
    issues.push({ path, severity: "refuse", reason: "InvalidScheme", message });
    return undefined;
  }
  if (schemes !== undefined && !schemes.includes(text)) {
    const message = `class ${loadBalancerClass} has no ${text} load balancers; give ${schemes.join(" or ")}`;
    issues.push({ path, severity: "refuse", reason: "SchemeNotAllowed", message });
  }
  return text;
}

/** Values that must not pass for something else: who mistypes Retain must not lose a load balancer. */
export function checkValues({ annotations: found }: Terms): readonly Issue[] {
  const issues: Issue[] = [];
  const policy = found[annotations.deletionPolicy];
  if (policy !== undefined && policy !== "Delete" && policy !== "Retain")
    issues.push({
      ...invalidDeletionPolicy,
      message: `${JSON.stringify(policy)} is neither Retain nor Delete; give one of them`,
    });
  for (const key of [annotations.paused, annotations.allowReplace]) {
    const value = found[key] ?? "false";
    if (value === "true" || value === "false") continue;
    const message = `${JSON.stringify(value)} is neither true nor false and counts as false; give one of them`;
    issues.push({ path: annotationPath(key), severity: "degrade", reason: "InvalidAnnotation", message });
  }
  return issues;
}

/** The path of an annotation in issues. */
export function annotationPath(key: string): string {
  return `metadata.annotations[${key}]`;
}

const invalidDeletionPolicy = {
  path: annotationPath(annotations.deletionPolicy),
  severity: "refuse",
  reason: "InvalidDeletionPolicy",
} as const;

function annotationsOf(service: Service, policy: ClassPolicy | undefined): Readonly<Record<string, string>> {
  return policy === undefined ? (service.metadata.annotations ?? {}) : termsOf(service, policy).annotations;
}

function isWish(key: string): boolean {
  return !agentKeys.has(key) && (wishKeys.has(key) || cloudPrefixes.some((prefix) => key.startsWith(prefix)));
}

function notAllowed(path: string, key: string, { loadBalancerClass }: ClassPolicy): Issue {
  const message = `ignored: class ${loadBalancerClass} does not let Services set ${key}`;
  return { path, severity: "degrade", reason: "OverrideNotAllowed", message };
}
