// Which of the names that a definition wants it gets: apiextensions-apiserver/pkg/controller/status.
import type { Definition, DefinitionCondition, Names } from "./definition.ts";
import { withCondition } from "./definition.ts";

/** What others of the group are called already. */
interface Taken {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

function takenBy(others: readonly Definition[]): Taken {
  const names = others.map(({ status }) => status.acceptedNames);
  return {
    resources: new Set(
      names.flatMap(({ plural, singular = "", shortNames = [] }) => [plural, singular, ...shortNames]),
    ),
    kinds: new Set(names.flatMap(({ kind, listKind = "" }) => [kind, listKind])),
  };
}

interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** The status of a definition beside all others. */
export function statusOf(definition: Definition, all: readonly Definition[], now: string): Definition["status"] {
  const others = all.filter(
    ({ metadata, spec }) => metadata.uid !== definition.metadata.uid && spec.group === definition.spec.group,
  );
  const { names, refusal } = acceptedNames(definition, takenBy(others));
  const { status } = definition;
  const accepted = condition(
    "NamesAccepted",
    refusal ?? { reason: "NoConflicts", message: "no conflicts found" },
    refusal === undefined,
    now,
  );
  const isEstablished =
    status.conditions?.some(({ type, status }) => type === "Established" && status === "True") ?? false;
  const established =
    refusal === undefined
      ? condition(
          "Established",
          { reason: "InitialNamesAccepted", message: "the initial names have been accepted" },
          true,
          now,
        )
      : condition("Established", { reason: "NotAccepted", message: "not all names are accepted" }, false, now);
  const conditions = withCondition(status.conditions ?? [], accepted);
  return {
    ...status,
    acceptedNames: names,
    // What is once established stays so.
    conditions: isEstablished ? conditions : withCondition(conditions, established),
  };
}

function condition(type: string, { reason, message }: Refusal, isTrue: boolean, now: string): DefinitionCondition {
  return { type, status: isTrue ? "True" : "False", reason, message, lastTransitionTime: now };
}

/** Each name on its own: a definition keeps what it has, gets what is free, and is told of the last one that is not. */
function acceptedNames({ spec, status }: Definition, taken: Taken): { names: Names; refusal: Refusal | undefined } {
  let refusal: Refusal | undefined;
  const wanted = spec.names;
  const given = status.acceptedNames;
  const choose = (name: string, current: string, others: ReadonlySet<string>, reason: string): string => {
    if (name === current || !others.has(name)) return name;
    refusal = { reason, message: inUse(name) };
    return current;
  };
  const plural = choose(wanted.plural, given.plural, taken.resources, "PluralConflict");
  const singular = choose(wanted.singular ?? "", given.singular ?? "", taken.resources, "SingularConflict");
  const busy = (wanted.shortNames ?? []).filter(
    (name) => given.shortNames?.includes(name) !== true && taken.resources.has(name),
  );
  if (busy.length > 0) refusal = { reason: "ShortNamesConflict", message: busy.map(inUse).join(", ") };
  const shortNames = (busy.length > 0 ? given : wanted).shortNames;
  const kind = choose(wanted.kind, given.kind, taken.kinds, "KindConflict");
  const listKind = choose(wanted.listKind ?? "", given.listKind ?? "", taken.kinds, "ListKindConflict");
  const names = {
    plural,
    ...(singular === "" ? {} : { singular }),
    ...(shortNames === undefined ? {} : { shortNames }),
    kind,
    ...(listKind === "" ? {} : { listKind }),
    ...(wanted.categories === undefined ? {} : { categories: wanted.categories }),
  };
  return { names, refusal };
}

function inUse(name: string): string {
  return `${JSON.stringify(name)} is already in use`;
}
