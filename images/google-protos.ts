// The description of Google's API, of which the program of an image takes what its clients speak of: a fiftieth of it.
import type { protobuf } from "google-gax";

type Json = Record<string, unknown>;

const namespace = ["google", "cloud", "compute", "v1"];

/** The services whose clients are among the files of a program, by their names in the API: `RegionHealthChecks`. */
export function servicesOf(inputs: readonly string[]): readonly string[] {
  const files = inputs.flatMap((path) => /@google-cloud\/compute\/.*\/(\w+)_client\.js$/.exec(path)?.[1] ?? []);
  return files.map((file) => file.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())).sort();
}

/**
 * The package's `protos.json` with these services and all that their methods carry.
 * @throws Error where it lacks one of the services
 */
export async function protosOf(whole: Json, services: readonly string[]): Promise<Json> {
  const gax = (await import("google-gax")).default;
  const root = gax.protobuf.Root.fromJSON(whole);
  root.resolveAll();
  const kept = new Set<string>(services);
  const keep = (type: protobuf.Type | protobuf.Enum | null): void => {
    const top = type?.fullName.split(".")[namespace.length + 1];
    if (top === undefined || kept.has(top)) return;
    kept.add(top);
    fieldTypesOf(root.lookupTypeOrEnum([...namespace, top])).forEach(keep);
  };
  for (const service of services)
    for (const method of root.lookupService([...namespace, service]).methodsArray)
      [method.resolvedRequestType, method.resolvedResponseType].forEach(keep);
  // `v1beta`, too, goes: `compute` keeps the one version.
  return within(whole, namespace.slice(0, -1), ({ v1 }) => ({
    v1: within(v1 as Json, [], (types) => Object.fromEntries(Object.entries(types).filter(([name]) => kept.has(name)))),
  }));
}

/** What the fields of a message and of the messages within it are. */
function fieldTypesOf(
  type: protobuf.Type | protobuf.ReflectionObject,
): readonly (protobuf.Type | protobuf.Enum | null)[] {
  if (!("fieldsArray" in type)) return [];
  return [...type.fieldsArray.map((field) => field.resolvedType), ...type.nestedArray.flatMap(fieldTypesOf)];
}

/** A description with what is nested in one namespace replaced. */
function within(part: Json, [name, ...rest]: readonly string[], replace: (nested: Json) => Json): Json {
  const nested = part["nested"] as Json;
  if (name === undefined) return { ...part, nested: replace(nested) };
  return { ...part, nested: { ...nested, [name]: within(nested[name] as Json, rest, replace) } };
}
