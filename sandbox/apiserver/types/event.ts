import { type FieldError, invalid, required } from "../field-error.ts";
import { asMap, asText, type JsonMap, type KubeObject, sameJson, valueAt } from "../object.ts";
import type { Behaviour, View } from "../resource-type.ts";
import { qualifiedNameErrors, subdomainErrors } from "../words.ts";

/** How core/v1 names what events.k8s.io/v1 names otherwise; all else has one name. */
const coreNames: Readonly<Record<string, string>> = {
  regarding: "involvedObject",
  note: "message",
  reportingController: "reportingComponent",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
};
const eventsNames = Object.fromEntries(Object.entries(coreNames).map(([name, core]) => [core, name]));

function renamed(object: KubeObject, names: Readonly<Record<string, string>>, apiVersion: string): KubeObject {
  const entries = Object.entries(object).map(([field, value]) => [names[field] ?? field, value]);
  return { ...(Object.fromEntries(entries) as KubeObject), apiVersion };
}

/** Events are stored as core/v1; events.k8s.io/v1 shows the same objects under its own field names. */
export const eventsView: View = {
  stored: { group: "", version: "v1" },
  toStored: (object) => renamed(object, coreNames, "v1"),
  fromStored(object) {
    const event = renamed(object, eventsNames, "events.k8s.io/v1");
    // Empty ones are shown by the older version only.
    for (const field of ["reportingController", "reportingInstance"])
      if (event[field] === "") Reflect.deleteProperty(event, field);
    return event;
  },
  storedField(field) {
    const [head = "", ...rest] = field.split(".");
    return [coreNames[head] ?? head, ...rest].join(".");
  },
  validate: (event, old) => (old === undefined ? newEventErrors(event) : changedEventErrors(event, old)),
};

/** Fields of the old recorders, which events of the newer API leave alone. */
const legacyFields = ["firstTimestamp", "lastTimestamp", "count", "source"];
const fixedFields = [
  "involvedObject",
  "reason",
  "message",
  ...legacyFields,
  "type",
  "eventTime",
  "action",
  "related",
  "reportingComponent",
];

function isUnset(value: unknown): boolean {
  return !value || (typeof value === "object" && Object.keys(value).length === 0);
}

function newEventErrors(event: KubeObject): readonly FieldError[] {
  const type = asText(event["type"]);
  return [
    ...(isUnset(event["eventTime"]) ? [required("eventTime")] : []),
    ...(type === "Normal" || type === "Warning" ? [] : [invalid("type", "", `has invalid value: ${type}`)]),
    ...legacyFields.filter((field) => !isUnset(event[field])).map((field) => invalid(field, "", "needs to be unset")),
    ...seriesErrors(event),
  ];
}

function changedEventErrors(event: KubeObject, old: KubeObject): readonly FieldError[] {
  const changed = fixedFields.filter((field) => !sameJson(event[field] ?? null, old[field] ?? null));
  return [
    ...changed.map((field) => invalid(shownName(field), printedValue(field, event[field]), "field is immutable")),
    ...seriesErrors(event),
  ];
}

/** Upstream names this one field as the version does, the others as they are stored. */
function shownName(field: string): string {
  return field === "reportingComponent" ? "reportingController" : field;
}

/** References are printed as the internal Go struct. */
function printedValue(field: string, value: unknown): unknown {
  if (field !== "involvedObject") return value;
  const names = { kind: "Kind", namespace: "Namespace", name: "Name", uid: "UID", apiVersion: "APIVersion" };
  const all = { ...names, resourceVersion: "ResourceVersion", fieldPath: "FieldPath" };
  return Object.fromEntries(Object.entries(all).map(([json, go]) => [go, asText(valueAt(value, json))]));
}

function seriesErrors({ series }: KubeObject): FieldError[] {
  if (series === undefined) return [];
  return [
    ...(Number(valueAt(series, "count") ?? 0) < 2 ? [invalid("series.count", "", "should be at least 2")] : []),
    ...(isUnset(valueAt(series, "lastObservedTime")) ? [required("series.lastObservedTime")] : []),
  ];
}

/** What both versions refuse. */
function eventErrors(event: KubeObject): readonly FieldError[] {
  const namespace = event.metadata.namespace ?? "";
  const about = asText(valueAt(event, "involvedObject.namespace"));
  const elsewhere = invalid("involvedObject.namespace", about, "does not match event.namespace");
  if (isUnset(event["eventTime"])) {
    const wanted = about === "" ? "default" : about;
    return namespace === wanted ? [] : [elsewhere];
  }
  const isHomeless = about === "" && namespace !== "default" && namespace !== "kube-system";
  const controller = asText(event["reportingComponent"]);
  const texts = [
    ["reportingInstance", 128],
    ["action", 128],
    ["reason", 128],
  ] as const;
  return [
    ...(isHomeless ? [elsewhere] : []),
    ...(controller === "" ? [required("reportingController")] : []),
    ...qualifiedNameErrors(controller).map((error) => invalid("reportingController", controller, error)),
    ...texts.flatMap(([field, limit]) => {
      const { length } = asText(event[field]);
      if (length === 0) return [required(field)];
      return length > limit ? [invalid(field, "", `can have at most ${limit} characters`)] : [];
    }),
    ...(asText(event["message"]).length > noteLimit
      ? [invalid("message", "", `can have at most ${noteLimit} characters`)]
      : []),
  ];
}

const noteLimit = 1024;

const aboutFields = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

export const eventBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    object["involvedObject"] ??= {};
    object["source"] ??= {};
    object["reportingComponent"] ??= "";
    object["reportingInstance"] ??= "";
  },
  fields(object) {
    const about: JsonMap = asMap(object["involvedObject"]);
    return {
      ...Object.fromEntries(aboutFields.map((field) => [`involvedObject.${field}`, asText(about[field])])),
      reason: asText(object["reason"]),
      reportingComponent: asText(object["reportingComponent"]),
      source: asText(valueAt(object, "source.component")) || asText(object["reportingComponent"]),
      type: asText(object["type"]),
    };
  },
  validate: eventErrors,
  createsOnUpdate: true,
};

/** The older version names the controller otherwise. */
export const coreEventBehaviour: Behaviour = {
  ...eventBehaviour,
  validate: (event) =>
    eventErrors(event).map((error) =>
      error.field === "reportingController" ? { ...error, field: "reportingComponent" } : error,
    ),
};
