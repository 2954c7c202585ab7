// AWS' query protocol in its two forms: requests as a form with numbered lists, answers as XML. Between the two all is
// called as the model calls it.
import type { Api, Member, Model } from "./model.ts";

export type Input = Readonly<Record<string, unknown>>;

/** A text that an input must have. */
export function text(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== "string") throw new Error(`${name} is no text`);
  return value;
}

type Tree = Map<string, Tree | string>;

/** `Filter.1.Value.2=x` and `Tags.member.1.Key=y` as objects and lists, with numbers where numbers belong. */
export function decodeForm(api: Api, model: Model, shape: string | undefined, form: URLSearchParams): Input {
  const root: Tree = new Map();
  for (const [key, value] of form) {
    if (key === "Action" || key === "Version") continue;
    const path = key.split(".");
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
  return decoded(api, model, { shape: shape ?? "" }, root) as Input;
}

/** What makes no sense is left as it is, for the model to refuse. */
function decoded(api: Api, model: Model, { shape: name }: Member, tree: Tree | string): unknown {
  const { type, member, members = {} } = model.shapes[name] ?? { type: "structure" };
  if (typeof tree === "string") return type === "list" && tree === "" ? [] : scalar(type, tree);
  if (type === "list" && member !== undefined) {
    const items = api === "ec2" ? tree : tree.size === 1 && tree.get(member.locationName ?? "member");
    if (items instanceof Map && items.keys().every((key) => /^\d+$/.test(key)))
      return [...items.values()].map((item) => decoded(api, model, member, item));
  }
  const byWireName = new Map(Object.entries(members).map((one) => [requestName(api, ...one), one]));
  return Object.fromEntries(
    [...tree].map(([key, value]) => {
      // A member by a name that it has elsewhere alone is as unknown as any other.
      const [name, of] = byWireName.get(key) ?? [`?${key}`, { shape: "" }];
      return [name, decoded(api, model, of, value)];
    }),
  );
}

function scalar(type: string, text: string): unknown {
  if (/^(integer|long)$/.test(type) && /^-?\d+$/.test(text)) return Number(text);
  return type === "boolean" && /^(true|false)$/.test(text) ? text === "true" : text;
}

function requestName(api: Api, name: string, { locationName = name, queryName }: Member): string {
  if (api !== "ec2") return locationName;
  return queryName ?? locationName.charAt(0).toUpperCase() + locationName.slice(1);
}

/** An answer, or a part of one, between the tags of a name. */
export function encodeXml(model: Model, shape: string, name: string, value: unknown): string {
  if (value === undefined) return "";
  const { member, members = {} } = model.shapes[shape] ?? { type: "structure" };
  if (Array.isArray(value))
    return xml(
      name,
      value.map((one) => encodeXml(model, member?.shape ?? "", member?.locationName ?? "member", one)),
    );
  if (typeof value !== "object" || value === null) return xml(name, [escape(`${value as string | number | boolean}`)]);
  return xml(
    name,
    Object.entries(value).map(([key, one]) =>
      encodeXml(model, members[key]?.shape ?? "", members[key]?.locationName ?? key, one),
    ),
  );
}

/** Parts between the tags of a name. */
export function xml(name: string, parts: readonly string[]): string {
  return `<${name}>${parts.join("")}</${name}>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
