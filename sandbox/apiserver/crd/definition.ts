import type { KubeObject } from "../object.ts";
import type { JsonSchema } from "./json-schema.ts";

/** The names of a kind, as they are wanted or as they were given. */
export interface Names {
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** A column of a table. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

/** One version of a kind. */
export interface DefinitionVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: JsonSchema };
  readonly subresources?: { readonly status?: object };
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
  readonly additionalPrinterColumns?: readonly ColumnDefinition[];
}

/** One word about how a definition fares. */
export interface DefinitionCondition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** A CustomResourceDefinition as it is stored. */
export interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: Names;
    readonly versions: readonly DefinitionVersion[];
  };
  readonly status: {
    readonly acceptedNames: Names;
    readonly conditions?: readonly DefinitionCondition[];
    readonly storedVersions?: readonly string[];
  };
}

/** Where definitions are stored. */
export const definitions = "customresourcedefinitions";

/** What holds a definition until its last object is gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export function isTrue({ status }: Definition, type: string): boolean {
  return status.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;
}

/** The conditions with this one in place of another of its type; one that keeps its status keeps its time. */
export function withCondition(
  conditions: readonly DefinitionCondition[],
  next: DefinitionCondition,
): readonly DefinitionCondition[] {
  const old = conditions.find(({ type }) => type === next.type);
  if (old === undefined) return [...conditions, next];
  const kept = old.status === next.status ? { ...next, lastTransitionTime: old.lastTransitionTime } : next;
  return conditions.map((condition) => (condition === old ? kept : condition));
}
