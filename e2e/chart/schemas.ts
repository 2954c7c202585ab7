// The objects of a release against what a real kube-apiserver publishes of its types. Pure.
import type { Rendered } from "../../hack/chart/helm.ts";
import { decode } from "../../sandbox/apiserver/decode.ts";
import { Schemas } from "../../sandbox/apiserver/schema.ts";

const schemas = Schemas.load();

/** Whose types no API server publishes unless somebody defines them there. */
export const foreignKinds: ReadonlySet<string> = new Set(["LoadBalancerClass", "PodMonitor", "ServiceMonitor"]);

const nameByKind: ReadonlyMap<string, string> = new Map(
  Object.entries(schemas.byName).flatMap(([name, schema]) =>
    (schema["x-kubernetes-group-version-kind"] ?? []).map(({ group, version, kind }) => [
      `${group === "" ? version : `${group}/${version}`} ${kind}`,
      name,
    ]),
  ),
);

/** The fields of an object that its type does not have; throws DecodeError for a value that does not fit. */
export function unknownFields(object: Rendered): readonly string[] {
  const name = nameByKind.get(`${object.apiVersion} ${object.kind}`);
  if (name === undefined) throw new Error(`no schema of ${object.apiVersion} ${object.kind}`);
  return decode(schemas, name, object).unknown.map((field) => `${object.kind} ${object.metadata.name}: ${field}`);
}
