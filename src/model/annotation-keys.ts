import { annotations, unknownAnnotations } from "../api/index.ts";
import type { ClassPolicy } from "./class-policy.ts";

/** What agents read from the Service itself, whatever its class says. */
export const agentKeys: ReadonlySet<string> = new Set([annotations.sourceRangesOnNodePorts]);

const knownKeys: readonly string[] = Object.values(annotations).sort();

/** A key of an annotation that does nothing where it stands. */
interface IdleKey {
  readonly key: string;
  /** For people, with what may be meant. */
  readonly why: string;
}

/** Those of our group that nobody knows. */
export function unknownKeys(keys: readonly string[]): readonly IdleKey[] {
  return unknownAnnotations(keys, knownKeys).map(({ key, nearest }) => {
    const hint = nearest === undefined ? `known are ${knownKeys.join(", ")}` : `${nearest} may be meant`;
    return { key, why: `it means nothing to Berth; ${hint}` };
  });
}

/** What a class says of annotations and means nothing, each with its place. */
export function idleTerms({ defaults = {}, allowedOverrides = [] }: Partial<ClassPolicy>): readonly string[] {
  const ofAgents = (key: string): boolean => agentKeys.has(key);
  const idle = Object.keys(defaults)
    .filter(ofAgents)
    .map((key) => ({ key, why: "agents read it from Services alone; set it there" }));
  return [
    ...[...unknownKeys(Object.keys(defaults)), ...idle].map(({ key, why }) => `spec.defaults[${key}]: ${why}`),
    ...unknownKeys(allowedOverrides).map(({ key, why }) => `spec.allowedOverrides[${key}]: ${why}`),
  ];
}
