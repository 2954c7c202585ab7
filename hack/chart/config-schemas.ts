// The configuration files of both processes as JSON schemas, from the tables that the processes read them with, so that
// `helm install` refuses what a pod would end at.
import { z } from "zod";
import type { FieldPath } from "../../src/cli/agent/field.ts";
import { fieldAt, fieldPaths } from "../../src/cli/agent/fields.ts";
import { localModes, notNegative, ranges } from "../../src/cli/agent/validation.ts";
import { type Kind, ports, prefixes, providerRates, ratePattern } from "../../src/cli/controller/kinds.ts";
import { type SettingName, settingAt, settingNames } from "../../src/cli/controller/settings.ts";
import { address, endpoint, nodePortAddresses, portRange, prefix, prefixes as prefixList } from "./forms.ts";
import { closed, type Json, type Schema } from "./value.ts";

const durations: Schema = { type: "string", pattern: "^(0|([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+)$" };

/** What the chart says itself, by other values or by where the pod runs. */
const agentOwn = [/^clientConnection[.]/, /^hostnameOverride$/, /^logging[.]/];
const controllerOwn: ReadonlySet<SettingName> = new Set([
  "agentNamespace",
  "healthBindAddress",
  "instance",
  "kubeconfig",
  "leaderElect",
  "logFormat",
  "logLevel",
  "metricsBindAddress",
  "namespace",
  "ownUnclassed",
  "providers",
  "reservedPorts",
  "stateDir",
]);

/** `agent.config`: the fields that `berth agent` follows. */
export function agentConfig(): Schema {
  const root: { [key: string]: Json } = {};
  for (const path of fieldPaths) {
    if (fieldAt(path).instead !== undefined || agentOwn.some((pattern) => pattern.test(path))) continue;
    const names = path.split(".");
    let properties = root;
    for (const name of names.slice(0, -1)) {
      properties[name] ??= closed({});
      properties = (properties[name] as { properties: { [key: string]: Json } }).properties;
    }
    properties[names.at(-1) ?? ""] = agentField(path);
  }
  return closed(root);
}

/** What a field of the agent's may be, beyond its type. */
const agentForms: { readonly [P in FieldPath]?: Schema } = {
  bindAddress: address,
  clusterCIDR: prefixList,
  detectLocalMode: { enum: ["", ...localModes] },
  healthzBindAddress: endpoint,
  metricsBindAddress: endpoint,
  mode: { enum: ["", "iptables"] },
  nodePortAddresses,
};

function agentField(path: FieldPath): Schema {
  const { kind, fallback } = fieldAt(path);
  const form = agentForms[path];
  if (form !== undefined) return form;
  if (kind.name === "duration") return durations;
  const [, minimum, maximum] = ranges.find(([name]) => name === path) ?? [];
  if (minimum !== undefined && maximum !== undefined) return { type: "integer", minimum, maximum };
  return { ...typed(kind.toFile(fallback)), ...(notNegative.includes(path) && { minimum: 0 }) };
}

/** A list that is empty is null in a file, as in Go. */
function typed(example: unknown): Schema {
  if (example === null) return { type: "array", items: { type: "string" } };
  return { type: typeof example === "number" ? "integer" : typeof example };
}

const listOf = (items: Schema): Schema => ({ type: "array", items });

/** What fields of the controller's may be whose kind says more than their type. */
const controllerForms: ReadonlyMap<unknown, Schema> = new Map<Pick<Kind<never>, "name">, Schema>([
  [ports, portRange],
  [prefixes, listOf(prefix)],
  [providerRates, listOf({ type: "string", pattern: ratePattern.source })],
]);

/** `controller.config`: the fields of `berth controller`. */
export function controllerConfig(): Schema {
  const fields = settingNames
    .filter((name) => !controllerOwn.has(name))
    .map((name) => {
      const { kind } = settingAt(name);
      const form = controllerForms.get(kind);
      if (form !== undefined) return [name, form];
      if (kind.name === "duration") return [name, durations];
      if (kind.name === "count") return [name, { type: "integer", minimum: 1, maximum: 9999 }];
      const { $schema: _, ...schema } = z.toJSONSchema(kind.form, { target: "draft-7" });
      return [name, schema];
    });
  return closed(Object.fromEntries(fields));
}
