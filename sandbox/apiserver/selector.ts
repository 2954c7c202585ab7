import { badRequest } from "./status.ts";

/** Whether a set of labels, or of field values, is wanted. */
export type Selector = (values: Readonly<Record<string, string>>) => boolean;

/** Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`; a syntax error is a BadRequest. */
export function parseLabelSelector(text: string): Selector {
  const requirements = splitOutsideParentheses(text)
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => requirement(part, text));
  return (labels) => requirements.every((fits) => fits(labels));
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "(") depth++;
    else if (text[index] === ")") depth--;
    else if (text[index] === "," && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)];
}

const keyPattern = "[A-Za-z0-9_./-]+";
const setPattern = new RegExp(`^(${keyPattern})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const comparePattern = new RegExp(`^(${keyPattern})\\s*(==|=|!=|>|<)\\s*([A-Za-z0-9_.-]*)$`);
const existsPattern = new RegExp(`^(!?)\\s*(${keyPattern})$`);

function requirement(part: string, whole: string): Selector {
  const set = setPattern.exec(part);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = new Set(list.split(",").map((value) => value.trim()));
    return operator === "in"
      ? (labels) => labels[key] !== undefined && values.has(labels[key])
      : (labels) => labels[key] === undefined || !values.has(labels[key]);
  }
  const compare = comparePattern.exec(part);
  if (compare !== null) return comparison(compare[1] ?? "", compare[2] ?? "", compare[3] ?? "");
  const exists = existsPattern.exec(part);
  if (exists === null)
    throw badRequest(`unable to parse requirement: found '${part}', in selector ${JSON.stringify(whole)}`);
  const [, not, key = ""] = exists;
  return (labels) => (labels[key] !== undefined) === (not === "");
}

function comparison(key: string, operator: string, value: string): Selector {
  switch (operator) {
    case "!=":
      return (labels) => labels[key] !== value;
    case ">":
      return (labels) => labels[key] !== undefined && Number(labels[key]) > Number(value);
    case "<":
      return (labels) => labels[key] !== undefined && Number(labels[key]) < Number(value);
    default:
      return (labels) => labels[key] === value;
  }
}

/** One `field=value` or `field!=value` of a field selector. */
export interface FieldRequirement {
  readonly field: string;
  readonly value: string;
  readonly negated: boolean;
}

/** Parses `a.b=c,d!=e`; a backslash escapes `,`, `=` and itself. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).map((term) => {
    const match = /^((?:\\.|[^=!\\])+)(==|=|!=)((?:\\.|[^\\])*)$/.exec(term);
    if (match === null) throw badRequest(`invalid field selector: ${JSON.stringify(term)}; can't understand '${term}'`);
    const [, field = "", operator, value = ""] = match;
    return { field, value: value.replace(/\\(.)/g, "$1"), negated: operator === "!=" };
  });
}
