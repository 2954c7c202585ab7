import type { LabelSelector } from "../api/index.ts";

type Requirement = NonNullable<LabelSelector["matchExpressions"]>[number];

/** What a text selects, or what is wrong with it. */
export type ParsedSelector = { readonly selector: LabelSelector } | { readonly wrong: string };

const keyPattern = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;
const valuePattern = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/;

/** One requirement of `kubectl get -l`; values in parentheses may hold commas. */
const requirementPattern =
  /^(?:(?<absent>!)\s*(?<gone>[^\s!=(),]+)|(?<key>[^\s!=(),]+)(?:\s*(?<sign>==|!=|=)\s*(?<value>[^\s!=(),]*)|\s+(?<word>in|notin)\s*\((?<list>[^()]*)\))?)$/;

/**
 * Parses what `kubectl get -l` takes: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. A text without any requirement is
 * wrong, as it would select everything, which nobody means who writes a selector.
 */
export function parseSelector(text: string): ParsedSelector {
  const matchExpressions: Requirement[] = [];
  for (const part of text.split(/,(?![^()]*\))/)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined)
      return {
        wrong: `${JSON.stringify(part.trim())} is no requirement of a label selector; give such as zone=a, zone!=a, zone in (a,b), zone notin (a,b), zone or !zone, separated by commas`,
      };
    matchExpressions.push(requirement);
  }
  return { selector: { matchExpressions } };
}

function parseRequirement(text: string): Requirement | undefined {
  const { absent, gone, key = gone, sign, value, word, list } = requirementPattern.exec(text)?.groups ?? {};
  if (key === undefined || !keyPattern.test(key)) return undefined;
  const values = word === undefined ? [value ?? ""] : (list ?? "").split(",").map((one) => one.trim());
  if (!values.every((one) => valuePattern.test(one))) return undefined;
  if (absent !== undefined) return { key, operator: "DoesNotExist" };
  if (sign === undefined && word === undefined) return { key, operator: "Exists" };
  return { key, operator: sign === "!=" || word === "notin" ? "NotIn" : "In", values };
}
