import { asMap, asText, type JsonMap, type KubeObject, valueAt } from "../object.ts";
import type { Behaviour, View } from "../resource-type.ts";
import { subdomainErrors } from "../words.ts";

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
  toStored: (object) => renamed(object, coreNames, "v1"),
  fromStored: (object) => renamed(object, eventsNames, "events.k8s.io/v1"),
  storedField(field) {
    const [head = "", ...rest] = field.split(".");
    return [coreNames[head] ?? head, ...rest].join(".");
  },
};

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
  createsOnUpdate: true,
};
