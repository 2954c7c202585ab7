import type { Subject } from "../access/authorizer.ts";
import { asText, type KubeObject, valueAt } from "../object.ts";
import { ageColumn, ageOf, column, type TableColumns, wide } from "./table.ts";

/** Roles have no printer of their own upstream: they show what every kind does. */
export const roleColumns: TableColumns = {
  columns: [column("Name"), column("Created At", { type: "date" })],
  cells: ({ metadata }) => [metadata.name ?? "", metadata.creationTimestamp ?? ""],
};

export const bindingColumns: TableColumns = {
  columns: [column("Name"), column("Role"), ageColumn, wide("Users"), wide("Groups"), wide("ServiceAccounts")],
  cells(object, now) {
    const role = `${asText(valueAt(object, "roleRef.kind"))}/${asText(valueAt(object, "roleRef.name"))}`;
    const names = (kind: string): string => subjectsOf(object, kind).join(", ");
    return [
      object.metadata.name ?? "",
      role,
      ageOf(object, now),
      names("User"),
      names("Group"),
      names("ServiceAccount"),
    ];
  },
};

function subjectsOf(object: KubeObject, kind: string): readonly string[] {
  const all = (object["subjects"] ?? []) as readonly Subject[];
  return all
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = "" }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name));
}
