// The table of docs/security.md: every right that the chart gives, and what it is for, from the comments of its roles. Pure.
import { parseAllDocuments, type YAMLMap, type YAMLSeq } from "yaml";
import { code, table } from "../markdown-table.ts";

/** A file of roles, and when its rights are given. */
export interface RoleFile {
  readonly text: string;
  readonly who: string;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** A row for each rule, in the order of the files. */
export function rightsTable(files: readonly RoleFile[]): string {
  return table(["who", "may", "where", "why"], files.flatMap(rowsOf));
}

function rowsOf({ text, who }: RoleFile): readonly (readonly string[])[] {
  return parseAllDocuments(text).flatMap((document) => {
    const rules = (document.get("rules") ?? undefined) as YAMLSeq<YAMLMap> | undefined;
    const { metadata } = document.toJSON() as { readonly metadata: { readonly namespace?: string } };
    const where = metadata.namespace === undefined ? "everywhere" : code(metadata.namespace);
    return (rules?.items ?? []).map((item, index) => {
      const { apiGroups, resources, resourceNames = [], verbs } = item.toJSON() as Rule;
      const comment = item.commentBefore ?? (index === 0 ? rules?.commentBefore : undefined) ?? "";
      const kinds = resources.map((name) =>
        apiGroups[0] === "" ? name : name.replace(/^[^/]+/, `$&.${apiGroups[0]}`),
      );
      const may = code([...verbs, ...kinds, ...resourceNames].join(" "));
      return [who, may, where, oneLine(comment) || "with the one above"];
    });
  });
}

function oneLine(comment: string): string {
  return comment.replaceAll(/\s+/g, " ").trim();
}

const marks = [
  "<!-- rights: made from charts/berth/files/rbac; rewrite with `make golden` -->",
  "<!-- /rights -->",
] as const;

/** The page with the table in its place. */
export function withRightsTable(page: string, files: readonly RoleFile[]): string {
  const [begin, end] = [page.indexOf(marks[0]), page.indexOf(marks[1])];
  if (begin < 0 || end < begin) throw new Error(`no place for the rights between ${marks.join(" and ")}`);
  return `${page.slice(0, begin)}${marks[0]}\n\n${rightsTable(files)}\n\n${page.slice(end)}`;
}
