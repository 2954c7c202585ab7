/** Whether a part serves; `unknown`: it could not be read, or nobody can tell from outside. */
export type Verdict = "yes" | "no" | "unknown";

/** One part of the way to a Service, with the parts that it consists of. The same world gives the same tree. */
export interface Tree {
  /** `Service`, `class`, `load balancer`, `node`, `endpoint`, ... */
  readonly what: string;
  readonly name: string;
  readonly verdict: Verdict;
  /** Cause and remedy in one line; always there unless the verdict is `yes`. */
  readonly why?: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly children: readonly Tree[];
}

/** What a part of the tree may have beside its verdict; facts that are undefined are left out. */
export interface Details {
  readonly facts?: Readonly<Record<string, string | undefined>>;
  readonly children?: readonly Tree[];
}

export function yes(what: string, name: string, details: Details = {}): Tree {
  return { what, name, verdict: "yes", ...detailed(details) };
}

export function no(what: string, name: string, why: string, details: Details = {}): Tree {
  return { what, name, verdict: "no", why, ...detailed(details) };
}

export function unknown(what: string, name: string, why: string, details: Details = {}): Tree {
  return { what, name, verdict: "unknown", why, ...detailed(details) };
}

/** A part that serves unless one of these does not; the first that does not says why. */
export function allOf(what: string, name: string, parts: readonly Tree[], details: Details): Tree {
  const worst = parts.find(({ verdict }) => verdict === "no") ?? parts.find(({ verdict }) => verdict === "unknown");
  if (worst === undefined) return yes(what, name, details);
  const why = `${worst.what}${worst.name === "" ? "" : ` ${worst.name}`}: ${worst.why ?? ""}`;
  return { what, name, verdict: worst.verdict, why, ...detailed(details) };
}

function detailed({ facts = {}, children = [] }: Details): Pick<Tree, "facts" | "children"> {
  const known = Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined);
  return { facts: Object.fromEntries(known), children };
}
