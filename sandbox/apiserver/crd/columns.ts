import { asText, type KubeObject } from "../object.ts";
import { column, humanDuration, type TableColumns, wide } from "../table/table.ts";
import type { ColumnDefinition, Definition } from "./definition.ts";
import { firstAt, parseJsonPath } from "./json-path.ts";

type Cell = string | number | boolean | null;

const age: ColumnDefinition = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** The columns of a custom resource: its name and what its definition wants, or else its age. */
export function customColumns(wanted: readonly ColumnDefinition[] = [age]): TableColumns {
  const paths = wanted.map(({ jsonPath }) => parseJsonPath(jsonPath) ?? []);
  return {
    columns: [
      column("Name"),
      ...wanted.map(({ name, type, format, description = "", priority = 0 }) =>
        column(name, { type, description, priority, ...(format === undefined ? {} : { format }) }),
      ),
    ],
    cells: (object, now) => [
      object.metadata.name ?? "",
      ...wanted.map(({ type }, index) => cell(type, firstAt(paths[index] ?? [], object), now)),
    ],
  };
}

/** A value that does not have the type of its column is not shown. */
function cell(type: string, value: unknown, now: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "string":
      return typeof value === "object" ? JSON.stringify(value) : asText(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? passed(value, now) : null;
    default:
      return null;
  }
}

function passed(stamp: string, now: number): string {
  const time = Date.parse(stamp);
  return Number.isNaN(time) ? "<invalid>" : humanDuration(now - time);
}

/** The columns of the definitions themselves. */
export const definitionColumns: TableColumns = {
  columns: [
    column("Name"),
    column("Scope"),
    column("Versions"),
    column("Created At", { type: "date" }),
    wide("Group"),
    wide("Kind"),
    wide("ShortNames"),
    wide("Established", { type: "boolean" }),
  ],
  cells(object: KubeObject) {
    const { metadata, spec, status } = object as Definition;
    const versions = spec.versions.map(({ name, storage }) => (storage ? `${name}(storage)` : name));
    const established = status.conditions?.find(({ type }) => type === "Established");
    return [
      metadata.name ?? "",
      spec.scope,
      versions.join(","),
      metadata.creationTimestamp ?? "",
      spec.group,
      spec.names.kind,
      (spec.names.shortNames ?? []).join(","),
      established?.status === "True",
    ];
  },
};
