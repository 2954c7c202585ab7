// What a CustomResourceDefinition may say: the part of apiextensions-apiserver/pkg/apis/apiextensions/validation that
// a mistake of ours or of a user can meet.
import { duplicate, type FieldError, invalid, notSupported, required } from "../field-error.ts";
import { sameJson } from "../object.ts";
import { strictLabelErrors, subdomainErrors } from "../words.ts";
import type { ColumnDefinition, Definition, DefinitionVersion } from "./definition.ts";
import { parseJsonPath } from "./json-path.ts";
import { structuralErrors } from "./structural.ts";

const columnTypes = ["boolean", "date", "integer", "number", "string"];

export function definitionErrors(definition: Definition, old: Definition | undefined): readonly FieldError[] {
  const { metadata, spec } = definition;
  const { group, names } = spec;
  return [
    ...(old !== undefined || metadata.name === `${names.plural}.${group}`
      ? []
      : [invalid("metadata.name", metadata.name, 'must be spec.names.plural+"."+spec.group')]),
    ...groupErrors(group),
    ...scopeErrors(spec.scope),
    ...versionsErrors(spec.versions),
    ...namesErrors(definition),
    ...spec.versions.flatMap((version, index) => versionErrors(spec.versions, version, index)),
    ...storedErrors(definition),
    ...(old === undefined ? [] : changeErrors(definition, old)),
  ];
}

function groupErrors(group: string): readonly FieldError[] {
  if (group === "") return [required("spec.group")];
  const errors = subdomainErrors(group).map((error) => invalid("spec.group", group, error));
  return errors.length > 0 || group.includes(".")
    ? errors
    : [invalid("spec.group", group, "should be a domain with at least one dot")];
}

function scopeErrors(scope: string): readonly FieldError[] {
  if (scope === "") return [required("spec.scope")];
  return scope === "Cluster" || scope === "Namespaced"
    ? []
    : [notSupported("spec.scope", scope, ["Cluster", "Namespaced"])];
}

function versionsErrors(versions: readonly DefinitionVersion[]): readonly FieldError[] {
  const stored = versions.filter(({ storage }) => storage);
  const names = versions.map(({ name }) => name);
  const first = names[0];
  return [
    ...names.flatMap((name, index) =>
      strictLabelErrors(name).map((error) => invalid(`spec.versions[${index}].name`, name, error)),
    ),
    ...(new Set(names).size === names.length
      ? []
      : [invalid("spec.versions", versions.map(goVersion), "must contain unique version names")]),
    ...(stored.length === 1
      ? []
      : [invalid("spec.versions", versions.map(goVersion), "must have exactly one version marked as storage version")]),
    ...(first === undefined ? [] : strictLabelErrors(first).map((error) => invalid("spec.version", first, error))),
  ];
}

/** As Go prints the internal form, into which what all versions share has been taken out. */
function goVersion({ name, served, storage, deprecated = false, deprecationWarning }: DefinitionVersion): object {
  return {
    Name: name,
    Served: served,
    Storage: storage,
    Deprecated: deprecated,
    DeprecationWarning: deprecationWarning ?? null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  };
}

function namesErrors({ spec }: Definition): readonly FieldError[] {
  const { plural, singular = "", kind, listKind = "", shortNames = [], categories = [] } = spec.names;
  const label = (path: string, name: string): readonly FieldError[] =>
    strictLabelErrors(name).map((error) => invalid(path, name, error));
  const kindLabel = (path: string, name: string): readonly FieldError[] =>
    strictLabelErrors(name.toLowerCase()).map((error) =>
      invalid(path, name, `may have mixed case, but should otherwise match: ${error}`),
    );
  return [
    ...(plural === "" ? [required("spec.names.plural")] : label("spec.names.plural", plural)),
    ...(singular === "" ? [] : label("spec.names.singular", singular)),
    ...(kind === "" ? [required("spec.names.kind")] : kindLabel("spec.names.kind", kind)),
    ...(listKind === "" ? [] : kindLabel("spec.names.listKind", listKind)),
    ...(kind !== "" && kind === listKind
      ? [invalid("spec.names.listKind", listKind, "kind and listKind may not be the same")]
      : []),
    ...shortNames.flatMap((name, index) => label(`spec.names.shortNames[${index}]`, name)),
    ...categories.flatMap((name, index) => label(`spec.names.categories[${index}]`, name)),
  ];
}

/** What all versions share is looked at once, and under another name. */
function versionErrors(
  versions: readonly DefinitionVersion[],
  version: DefinitionVersion,
  index: number,
): readonly FieldError[] {
  const schema = version.schema?.openAPIV3Schema;
  const at = `spec.versions[${index}]`;
  if (schema === undefined) return [required(`${at}.schema.openAPIV3Schema`)];
  const shares = (field: "schema" | "additionalPrinterColumns"): boolean =>
    versions.every((other) => sameJson(other[field], versions[0]?.[field]));
  const schemaPath = shares("schema") ? "spec.validation" : `${at}.schema`;
  const columnsPath = shares("additionalPrinterColumns") ? "spec" : at;
  return [
    ...(shares("schema") && index > 0 ? [] : structuralErrors(schema, `${schemaPath}.openAPIV3Schema`)),
    ...(shares("additionalPrinterColumns") && index > 0
      ? []
      : (version.additionalPrinterColumns ?? []).flatMap((column, each) =>
          columnErrors(column, `${columnsPath}.additionalPrinterColumns[${each}]`),
        )),
  ];
}

function columnErrors({ name, type, jsonPath }: ColumnDefinition, path: string): readonly FieldError[] {
  return [
    ...(name === "" ? [required(`${path}.name`)] : []),
    ...(type === "" ? [required(`${path}.type`, `must be one of ${columnTypes.join(",")}`)] : []),
    ...(type === "" || columnTypes.includes(type)
      ? []
      : [invalid(`${path}.type`, type, `must be one of ${columnTypes.join(",")}`)]),
    ...(jsonPath === "" ? [required(`${path}.JSONPath`)] : []),
    ...(jsonPath === "" || parseJsonPath(jsonPath) !== undefined
      ? []
      : [invalid(`${path}.JSONPath`, jsonPath, "must be a simple json path starting with .")]),
  ];
}

function storedErrors({ spec, status }: Definition): readonly FieldError[] {
  const path = "status.storedVersions";
  const { storedVersions = [] } = status;
  if (storedVersions.length === 0) return [invalid(path, null, "must have at least one stored version")];
  const wanted = spec.versions.findLast(({ storage }) => storage)?.name;
  const names = spec.versions.map(({ name }) => name);
  return [
    ...storedVersions.flatMap((name, index) =>
      storedVersions.indexOf(name) < index ? [duplicate(`${path}[${index}]`, name)] : [],
    ),
    ...storedVersions.flatMap((name, index) =>
      names.includes(name)
        ? []
        : [
            invalid(
              `${path}[${index}]`,
              name,
              `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
            ),
          ],
    ),
    ...(wanted === undefined || storedVersions.includes(wanted)
      ? []
      : [invalid(path, storedVersions, `must have the storage version ${wanted}`)]),
  ];
}

/** Only what is not served yet may still become another kind. */
function changeErrors({ spec }: Definition, old: Definition): readonly FieldError[] {
  const isEstablished = old.status.conditions?.some(({ type, status }) => type === "Established" && status === "True");
  const fixed = (path: string, value: unknown, before: unknown): readonly FieldError[] =>
    value === before ? [] : [invalid(path, value, "field is immutable")];
  return [
    ...(isEstablished === true
      ? [
          ...fixed("spec.scope", spec.scope, old.spec.scope),
          ...fixed("spec.names.kind", spec.names.kind, old.spec.names.kind),
        ]
      : []),
    ...fixed("spec.group", spec.group, old.spec.group),
    ...fixed("spec.names.plural", spec.names.plural, old.spec.names.plural),
  ];
}
