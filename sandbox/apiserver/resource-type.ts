import type { Decoded } from "./decode.ts";
import type { FieldError } from "./field-error.ts";
import type { KubeObject } from "./object.ts";
import type { Schema } from "./schema.ts";
import type { TableColumns } from "./table/table.ts";

/** What is peculiar to the objects of one kind; everything is optional but the rule for names. */
export interface Behaviour {
  readonly nameErrors: (name: string) => readonly string[];
  /** Fills in what the schema's own defaults leave open, in place; also runs on updates. */
  readonly default?: (object: KubeObject) => void;
  /** Settles a new object before validation: default labels, an empty status. */
  readonly prepareCreate?: (object: KubeObject) => void;
  /** Settles an update before validation; `old` is what is stored. */
  readonly prepareUpdate?: (object: KubeObject, old: KubeObject) => void;
  /** Settles an update of the status before validation; `incoming` is all of what the client sent. */
  readonly prepareStatus?: (object: KubeObject, incoming: KubeObject, old: KubeObject) => void;
  /** Marks an object whose deletion begins with what it waits for, in place; `old` is what is stored. */
  readonly prepareDelete?: (object: KubeObject, old: KubeObject) => void;
  /** Gives the object what it takes from shared ranges, in place; throws StatusError when there is none. */
  readonly allocate?: (object: KubeObject, old: KubeObject | undefined, dryRun: boolean) => void;
  readonly validate?: (object: KubeObject, old: KubeObject | undefined) => readonly FieldError[];
  readonly validateStatus?: (object: KubeObject, old: KubeObject) => readonly FieldError[];
  /** What readers get to see of a stored object; absent: all of it. */
  readonly shown?: (object: KubeObject) => KubeObject;
  readonly warnings?: (object: KubeObject, old: KubeObject | undefined) => readonly string[];
  readonly statusWarnings?: (object: KubeObject) => readonly string[];
  /** What every answer about the kind warns of. */
  readonly deprecation?: string;
  /** Field selectors beside metadata.name and metadata.namespace. */
  readonly fields?: (object: KubeObject) => Readonly<Record<string, string>>;
  /** Whether an update changed what `metadata.generation` counts; absent: the kind has no generation. */
  readonly isNewGeneration?: (object: KubeObject, old: KubeObject) => boolean;
  /** How long a deletion waits for whoever runs the object; absent: not at all. */
  readonly gracePeriod?: (object: KubeObject, requested: number | undefined) => number;
  /** DELETE answers the object instead of a Status. */
  readonly returnsDeleted?: boolean;
  /** PUT of a name that does not exist creates it. */
  readonly createsOnUpdate?: boolean;
  /** An update must carry the resourceVersion. */
  readonly needsResourceVersion?: boolean;
}

/** A version of a kind that looks different from what is stored. */
export interface View {
  /** What the stored form says of itself. */
  readonly stored: { readonly group: string; readonly version: string };
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
  /** The name of a field selector in the stored form. */
  storedField(field: string): string;
  /** What this version refuses beyond what the stored form does. */
  validate(object: KubeObject, old: KubeObject | undefined): readonly FieldError[];
}

/** What is peculiar to kinds that a CustomResourceDefinition brings. */
export interface Custom {
  readonly listKind: string;
  /** A body as an object of the kind, with only the fields that its schema has. Throws StatusError or DecodeError. */
  decode(body: unknown, isPatch: boolean): Decoded;
  /** What discovery tells of the version that is stored. */
  readonly storageVersionHash: string;
  /** The schemas of the kind and its list for OpenAPI, by their full names. */
  readonly schemas: Readonly<Record<string, Schema>>;
}

export type Subresource = "status" | "scale" | "binding" | "eviction" | "finalize" | "token";

/** One row of the table of everything that is served. */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly schema: string;
  /** Where the objects are stored; two types may share it through a view. */
  readonly collection: string;
  readonly subresources: readonly Subresource[];
  /** A question: creating one answers it and stores nothing. */
  readonly isReview: boolean;
  readonly behaviour: Behaviour;
  readonly columns: TableColumns;
  readonly view?: View;
  /** Absent: the kind is built in. */
  readonly custom?: Custom;
}

/** `v1`, or `apps/v1`. */
export function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}

/** As messages name the collection: `services`, `deployments.apps`. */
export function resourceOf({ group, plural }: ResourceType): { group: string; kind: string } {
  return { group, kind: plural };
}
