// The two forms of AWS' query protocol: requests as a form with numbered lists, answers as XML.

/** What a request or an answer holds: texts at its ends. */
export type Value = string | number | boolean | undefined | readonly Value[] | { readonly [name: string]: Value };

export interface Input {
  readonly [name: string]: Input | readonly Input[] | string;
}

/** `Filter.1.Value.2=x` and `Tags.member.1.Key=y` as objects and lists. */
export function decodeForm(body: string): Input {
  const root: Tree = new Map();
  for (const [key, value] of new URLSearchParams(body)) {
    const path = key.split(".").filter((part) => part !== "member");
    const last = path.pop() ?? "";
    let at = root;
    for (const part of path) {
      const next = at.get(part);
      const child: Tree = next instanceof Map ? next : new Map();
      at.set(part, child);
      at = child;
    }
    at.set(last, value);
  }
  return treeValue(root) as Input;
}

type Tree = Map<string, Tree | string>;

function treeValue(tree: Tree | string): unknown {
  if (typeof tree === "string") return tree;
  const keys = [...tree.keys()];
  if (keys.length > 0 && keys.every((key) => /^\d+$/.test(key))) return [...tree.values()].map(treeValue);
  return Object.fromEntries([...tree].map(([key, value]) => [key, treeValue(value)]));
}

/** `item`: what the members of a list are called. */
export function encodeXml(name: string, value: Value, item: "member" | "item"): string {
  if (value === undefined) return "";
  return `<${name}>${contentXml(value, item)}</${name}>`;
}

function contentXml(value: Exclude<Value, undefined>, item: "member" | "item"): string {
  if (isList(value)) return value.map((one) => encodeXml(item, one, item)).join("");
  if (typeof value === "object")
    return Object.entries(value)
      .map(([name, one]) => encodeXml(name, one, item))
      .join("");
  return escape(String(value));
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
