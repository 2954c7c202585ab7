import { createHash } from "node:crypto";
import { asText, type KubeObject, sameJson } from "../object.ts";
import type { Behaviour, ResourceType, View } from "../resource-type.ts";
import type { Schemas } from "../schema.ts";
import { compareVersions } from "../version-order.ts";
import { subdomainErrors } from "../words.ts";
import { customColumns } from "./columns.ts";
import { decodeResource } from "./decode.ts";
import { applySchemaDefaults } from "./defaults.ts";
import { type Definition, type DefinitionVersion, isTrue } from "./definition.ts";
import { firstAt, parseJsonPath } from "./json-path.ts";
import type { JsonSchema } from "./json-schema.ts";
import { openApiSchemas, schemaName } from "./openapi.ts";
import { resourceErrors } from "./resource-errors.ts";

/** The types that a definition brings, one per version that is served; none before it is established. */
export function customTypes(definition: Definition, schemas: Schemas): readonly ResourceType[] {
  if (!isTrue(definition, "Established")) return [];
  return definition.spec.versions
    .filter(({ served }) => served)
    .map((version) => customType(definition, version, schemas));
}

function customType(definition: Definition, version: DefinitionVersion, schemas: Schemas): ResourceType {
  const { group, scope, versions } = definition.spec;
  const { plural, singular = "", kind, listKind = `${kind}List`, ...more } = definition.status.acceptedNames;
  const schema = version.schema?.openAPIV3Schema ?? {};
  const described = { group, version: version.name, kind, listKind };
  const identity = { group, apiVersion: `${group}/${version.name}`, kind };
  const stored = versions.find(({ storage }) => storage)?.name ?? version.name;
  const hash = createHash("sha256").update(`${group}/${stored}/${kind}`).digest();
  return {
    group,
    version: version.name,
    kind,
    plural,
    singular,
    shortNames: more.shortNames ?? [],
    categories: more.categories ?? [],
    namespaced: scope === "Namespaced",
    schema: schemaName(described),
    collection: definition.metadata.name ?? "",
    subresources: version.subresources?.status === undefined ? [] : ["status"],
    isReview: false,
    behaviour: behaviourOf(definition, version, schema),
    columns: customColumns(version.additionalPrinterColumns),
    custom: {
      listKind,
      decode: (body, isPatch) => decodeResource(schemas, identity, schema, body, isPatch),
      storageVersionHash: hash.subarray(0, 8).toString("base64"),
      schemas: openApiSchemas(described, schema),
    },
    ...(version.storage ? {} : { view: sameFields(group, stored, version.name) }),
  };
}

/** Versions without a conversion differ in their name alone. */
function sameFields(group: string, stored: string, own: string): View {
  return {
    stored: { group, version: stored },
    toStored: (object) => ({ ...object, apiVersion: `${group}/${stored}` }),
    fromStored: (object) => ({ ...object, apiVersion: `${group}/${own}` }),
    storedField: (field) => field,
    validate: () => [],
  };
}

function behaviourOf(definition: Definition, version: DefinitionVersion, schema: JsonSchema): Behaviour {
  const hasStatus = version.subresources?.status !== undefined;
  const validate = (object: KubeObject, old: KubeObject | undefined) => resourceErrors(schema, object, old);
  const deprecation = version.deprecated === true ? deprecationOf(definition, version) : undefined;
  const selectable = (version.selectableFields ?? []).map(({ jsonPath }) => ({
    name: jsonPath.replace(/^\./, ""),
    path: parseJsonPath(jsonPath) ?? [],
  }));
  return {
    nameErrors: subdomainErrors,
    default: (object) => applySchemaDefaults(schema, object),
    prepareCreate(object) {
      if (hasStatus) delete object["status"];
    },
    prepareUpdate(object) {
      if (object["status"] === undefined) delete object["status"];
    },
    prepareStatus(object, incoming, old) {
      object.metadata = structuredClone(old.metadata);
      if (incoming["status"] === undefined) delete object["status"];
    },
    validate,
    validateStatus: validate,
    fields: (object) => Object.fromEntries(selectable.map(({ name, path }) => [name, asText(firstAt(path, object))])),
    isNewGeneration: (object, old) => !sameJson(counted(object, hasStatus), counted(old, hasStatus)),
    needsResourceVersion: true,
    ...(deprecation === undefined ? {} : { deprecation }),
  };
}

/** What `metadata.generation` counts changes of. */
function counted(whole: KubeObject, hasStatus: boolean): object {
  const { metadata: _metadata, ...object } = whole;
  return hasStatus ? { ...object, status: undefined } : object;
}

function deprecationOf({ spec: { group, names, versions } }: Definition, version: DefinitionVersion): string {
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const [newest] = versions
    .filter(({ served, deprecated }) => served && deprecated !== true)
    .map(({ name }) => name)
    .toSorted(compareVersions);
  const instead = newest === undefined ? "" : `; use ${group}/${newest} ${names.kind}`;
  return `${group}/${version.name} ${names.kind} is deprecated${instead}`;
}
