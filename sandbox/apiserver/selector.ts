import { badRequest } from "./status.ts";
import { qualifiedNameErrors } from "./words.ts";

/** Whether a set of labels, or of field values, is wanted. */
export type Selector = (values: Readonly<Record<string, string>>) => boolean;

/** Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`; a syntax error is a BadRequest in the words of apimachinery. */
export function parseLabelSelector(text: string): Selector {
  const requirements = new LabelParser(text).parse();
  return (labels) => requirements.every((fits) => fits(labels));
}

const operators: ReadonlySet<string> = new Set(["in", "notin", "=", "==", "!=", ">", "<"]);

class LabelParser {
  readonly #tokens: readonly string[];
  #next = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[=!<>(),]|[^\s=!<>(),]+/g) ?? [];
  }

  parse(): readonly Selector[] {
    const requirements: Selector[] = [];
    while (this.#peek() !== "") {
      requirements.push(this.#requirement());
      const token = this.#take();
      if (token === "") break;
      if (token !== ",") this.#fail(token, ", expected: ',' or 'end of string'");
      if (!isWord(this.#peek()) && this.#peek() !== "!") this.#fail(this.#peek(), ", expected: identifier after ','");
    }
    return requirements;
  }

  #requirement(): Selector {
    const isNegated = this.#peek() === "!";
    if (isNegated) this.#take();
    const key = this.#take();
    if (!isWord(key)) this.#fail(key, ", expected: identifier");
    const [wrong] = qualifiedNameErrors(key);
    if (wrong !== undefined) throw badRequest(`unable to parse requirement: <nil>: Invalid value: "${key}": ${wrong}`);
    if (isNegated) return (labels) => labels[key] === undefined;
    if (this.#peek() === "" || this.#peek() === ",") return (labels) => labels[key] !== undefined;
    const operator = this.#take();
    if (!operators.has(operator)) this.#fail(operator, ", expected: in, notin, =, ==, !=, gt, lt");
    if (operator === "in" || operator === "notin") {
      const values = this.#list();
      return operator === "in"
        ? (labels) => labels[key] !== undefined && values.has(labels[key])
        : (labels) => labels[key] === undefined || !values.has(labels[key]);
    }
    return comparison(key, operator, this.#value());
  }

  #list(): ReadonlySet<string> {
    const open = this.#take();
    if (open !== "(") this.#fail(open, " expected: '('");
    const values = new Set<string>();
    for (let isSeparated = true; ; ) {
      const token = this.#take();
      if (token === ")" || token === ",") {
        // Two separators in a row, or one at an end, stand around the empty value.
        if (isSeparated) values.add("");
        if (token === ")") return values;
        isSeparated = true;
      } else {
        if (!isWord(token)) this.#fail(token, ", expected: ',', ')' or identifier");
        values.add(token);
        isSeparated = false;
      }
    }
  }

  #value(): string {
    if (this.#peek() === "" || this.#peek() === ",") return "";
    const token = this.#take();
    if (!isWord(token)) this.#fail(token, ", expected: identifier");
    return token;
  }

  #peek(): string {
    return this.#tokens[this.#next] ?? "";
  }

  #take(): string {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #fail(found: string, expected: string): never {
    throw badRequest(`unable to parse requirement: found '${found}'${expected}`);
  }
}

function isWord(token: string): boolean {
  return token !== "" && !/^[=!<>(),]/.test(token);
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
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = "", operator, value = ""] = match;
    return { field, value: value.replace(/\\(.)/g, "$1"), negated: operator === "!=" };
  });
}
