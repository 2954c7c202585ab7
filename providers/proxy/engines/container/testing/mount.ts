import { SyntaxComplaint } from "./arguments.ts";

const keys = new Set(["type", "source", "src", "target", "destination", "dst", "readonly", "ro"]);

/** Reads `--mount`: fields of CSV, each `key=value`. Throws `SyntaxComplaint`. */
export function parseMount(text: string): { source: string; target: string } {
  const fields = new Map(csvFields(text).map((field) => [field.replace(/=.*/s, ""), field.replace(/^[^=]*=?/, "")]));
  for (const [key, value] of fields)
    if (!keys.has(key))
      throw new SyntaxComplaint(
        `invalid argument "${text}" for "--mount" flag: unexpected key '${key}' in '${key}=${value}'`,
      );
  const source = fields.get("source") ?? fields.get("src") ?? "";
  const target = fields.get("target") ?? fields.get("destination") ?? fields.get("dst") ?? "";
  if (fields.get("type") !== "bind" || source === "" || target === "")
    throw new SyntaxComplaint(`invalid argument "${text}" for "--mount" flag: the fake knows bind mounts alone`);
  return { source, target };
}

function csvFields(text: string): readonly string[] {
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
}
