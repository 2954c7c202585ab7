// The files of the chart that are made from its table of values. Pure.
import { code, table } from "../markdown-table.ts";
import { type Entry, isSection, type Json, type Schema, type Values } from "./value.ts";
import { values } from "./values.ts";

const width = 100;

/** values.yaml: every value with its default and what it means. */
export function valuesYaml(): string {
  const head = "# The values of the chart. Made from hack/chart/values.ts; rewrite with `make golden`.\n";
  return head + yamlOf(values, "");
}

function yamlOf(entries: Values, indent: string): string {
  return Object.entries(entries)
    .map(([name, entry]) => {
      const comment = entry.help === "" ? "" : commented(entry.help, indent);
      const gap = indent === "" ? "\n" : "";
      if (isSection(entry)) return `${gap}${comment}${indent}${name}:\n${yamlOf(entry.values, `${indent}  `)}`;
      return `${gap}${comment}${indent}${name}: ${flow(entry.fallback)}\n`;
    })
    .join("");
}

function commented(help: string, indent: string): string {
  const lines = [""];
  for (const word of plain(help).split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && `${indent}# ${last} ${word}`.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `${indent}# ${line}\n`).join("");
}

/** Without the marks of Markdown: a link is its path in the repository. */
function plain(help: string): string {
  return help.replaceAll(/\[([^\]]*)\]\((?:\.\.\/)*([^)]*)\)/g, "$1 ($2)").replaceAll("`", "");
}

/** JSON with spaces is YAML too. */
function flow(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  const fields = Object.entries(value).map(([key, inner]) => `${flowKey(key)}: ${flow(inner)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

function flowKey(key: string): string {
  return /^\w+$/.test(key) ? key : JSON.stringify(key);
}

/** values.schema.json, in the draft that every Helm reads. */
export function valuesSchema(): string {
  const { properties, ...schema } = schemaOf({ help: "", values });
  const root = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the Helm chart of Berth",
    ...schema,
    // Helm hands these to every chart that is a part of another.
    properties: { ...(properties as Schema), global: { type: "object" } },
  };
  return `${JSON.stringify(root, undefined, 2)}\n`;
}

function schemaOf(entry: Entry): Schema {
  const help = entry.help === "" ? {} : { description: plain(entry.help) };
  if (!isSection(entry)) return { ...help, ...entry.schema };
  const properties = Object.entries(entry.values).map(([name, inner]) => [name, schemaOf(inner)] as const);
  return { ...help, type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

const marks = [
  "<!-- values: made from hack/chart/values.ts; rewrite with `make golden` -->",
  "<!-- /values -->",
] as const;

/** The README with the table of values in its place. */
export function withValuesTable(readme: string): string {
  const [begin, end] = [readme.indexOf(marks[0]), readme.indexOf(marks[1])];
  if (begin < 0 || end < begin) throw new Error(`no place for the values between ${marks.join(" and ")}`);
  const rows = rowsOf(values, "");
  const made = table(["value", "type", "default", "meaning"], rows);
  return `${readme.slice(0, begin)}${marks[0]}\n\n${made}\n\n${readme.slice(end)}`;
}

function rowsOf(entries: Values, above: string): readonly (readonly string[])[] {
  return Object.entries(entries).flatMap(([name, entry]) => {
    const path = above + name;
    if (isSection(entry)) return rowsOf(entry.values, `${path}.`);
    const standard = entry.fallback === "" ? "" : code(flow(entry.fallback));
    return [[code(path), entry.type, standard, entry.help]];
  });
}
