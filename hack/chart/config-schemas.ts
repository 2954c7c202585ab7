// The configuration files of both processes as JSON schemas, from the tables that the processes read them with, so that
// `helm install` refuses what a pod would end at.
import { z } from "zod";
import { fieldAt, fieldPaths } from "../../src/cli/agent/fields.ts";
import { type SettingName, settingAt, settingNames } from "../../src/cli/controller/settings.ts";
import { closed, type Json, type Schema } from "./value.ts";

const durations: Schema = { type: "string", pattern: "^(0|([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+)$" };
const address: Schema = { type: "string", pattern: "^.*:[0-9]{1,5}$" };

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
    const { kind, fallback, instead } = fieldAt(path);
    if (instead !== undefined || agentOwn.some((pattern) => pattern.test(path))) continue;
    const names = path.split(".");
    let properties = root;
    for (const name of names.slice(0, -1)) {
      properties[name] ??= closed({});
      properties = (properties[name] as { properties: { [key: string]: Json } }).properties;
    }
    const isAddress = path === "healthzBindAddress" || path === "metricsBindAddress";
    properties[names.at(-1) ?? ""] = isAddress
      ? address
      : kind.name === "duration"
        ? durations
        : typed(kind.toFile(fallback));
  }
  return closed(root);
}

/** A list that is empty is null in a file, as in Go. */
function typed(example: unknown): Schema {
  if (example === null) return { type: "array", items: { type: "string" } };
  return { type: typeof example === "number" ? "integer" : typeof example };
}

/** `controller.config`: the fields of `berth controller`. */
export function controllerConfig(): Schema {
  const fields = settingNames
    .filter((name) => !controllerOwn.has(name))
    .map((name) => {
      const { kind } = settingAt(name);
      if (kind.name === "duration") return [name, durations];
      if (kind.name === "count") return [name, { type: "integer", minimum: 1, maximum: 9999 }];
      const { $schema: _, ...schema } = z.toJSONSchema(kind.form, { target: "draft-7" });
      return [name, schema];
    });
  return closed(Object.fromEntries(fields));
}
