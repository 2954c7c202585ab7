// Trims what Kubernetes publishes about its types to the kinds that the embedded API server serves: the OpenAPI v3
// documents, without descriptions, to sandbox/apiserver/openapi/schemas.json, and the field numbers of the protobuf
// encoding to protobuf.json beside it. Takes the folders of the Go modules k8s.io/kubernetes, k8s.io/api and
// k8s.io/apimachinery: the `Dir` that `go mod download -json k8s.io/kubernetes@v1.37.2` prints, and so on.
import { globSync, readFileSync, writeFileSync } from "node:fs";

const documents: Readonly<Record<string, readonly string[]>> = {
  api__v1: [
    "ConfigMap",
    "Endpoints",
    "Event",
    "Namespace",
    "Node",
    "Pod",
    "Secret",
    "Service",
    "ServiceAccount",
    "Binding",
    "Eviction",
  ],
  apis__apps__v1: ["Deployment", "ReplicaSet", "Scale"],
  "apis__events.k8s.io__v1": ["Event"],
  "apis__discovery.k8s.io__v1": ["EndpointSlice"],
  "apis__coordination.k8s.io__v1": ["Lease"],
};

type Schema = Record<string, unknown>;

const [source = "", ...modules] = process.argv.slice(2);
if (modules.length !== 2) {
  process.stderr.write("openapi: give the folders of k8s.io/kubernetes, k8s.io/api and k8s.io/apimachinery\n");
  process.exit(2);
}
const target = new URL("../sandbox/apiserver/openapi/", import.meta.url).pathname;

const schemas: Record<string, unknown> = {};
for (const [document, kinds] of Object.entries(documents)) {
  const text = readFileSync(`${source}/api/openapi-spec/v3/${document}_openapi.json`, "utf8");
  const all = (JSON.parse(text) as { components: { schemas: Record<string, Schema> } }).components.schemas;
  const isServed = (name: string): boolean =>
    kinds.some((kind) => name.endsWith(`.${kind}`) || name.endsWith(`.${kind}List`));
  const queue = Object.keys(all).filter((name) => name.startsWith("io.k8s.api.") && isServed(name));
  queue.push("io.k8s.apimachinery.pkg.apis.meta.v1.Status", "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
  const seen = new Set<string>();
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const trimmed = trim(all[name]);
    schemas[name] = trimmed;
    for (const [, reference = ""] of JSON.stringify(trimmed).matchAll(/#\/components\/schemas\/([^"]+)/g))
      queue.push(reference);
  }
}
writeFileSync(`${target}schemas.json`, `${JSON.stringify(sorted(schemas), undefined, 1)}\n`);
writeFileSync(`${target}protobuf.json`, `${JSON.stringify(sorted(protobuf(Object.keys(schemas))), undefined, 1)}\n`);

/** Message -> field number -> [JSON name, type, `one`, `many` or `map`]; a `*` marks a Go pointer to a scalar. */
function protobuf(roots: readonly string[]): Record<string, unknown> {
  const messages = new Map<string, Record<string, readonly string[]>>();
  const pointers = new Set<string>();
  for (const module of modules)
    for (const file of globSync(`${module}/**/generated.proto`)) {
      readProto(readFileSync(file, "utf8"), messages);
      for (const types of globSync(`${file.replace(/generated.proto$/, "")}*types*.go`))
        readPointers(readFileSync(types, "utf8"), goPackage(file), pointers);
    }
  const found: Record<string, unknown> = {};
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const message = messages.get(name);
    if (message === undefined || found[name] !== undefined) continue;
    const fields = Object.entries(message).map(([number, [field = "", type = "", count = ""]]) => {
      queue.push(type);
      return [number, [field, pointers.has(`${name}.${field}`) ? `*${type}` : type, count]] as const;
    });
    found[name] = Object.fromEntries(fields);
  }
  return found;
}

function goPackage(protoFile: string): string {
  const text = readFileSync(protoFile, "utf8");
  return schemaName(/^package (.*);/m.exec(text)?.[1] ?? "");
}

/** Protobuf says k8s.io.api.core.v1 where OpenAPI says io.k8s.api.core.v1. */
function schemaName(name: string): string {
  return name.replace(/^\.?k8s\.io\./, "io.k8s.");
}

function readProto(text: string, messages: Map<string, Record<string, readonly string[]>>): void {
  const prefix = schemaName(/^package (.*);/m.exec(text)?.[1] ?? "");
  const typeName = (name: string): string =>
    /^[a-z0-9]+$/.test(name) ? name : name.includes(".") ? schemaName(name) : `${prefix}.${name}`;
  for (const [, name = "", body = ""] of text.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields: Record<string, readonly string[]> = {};
    for (const [, count, value, type = "", field = "", number = ""] of body.matchAll(
      /^ {2}(?:(optional|repeated|required) |map<string, ([\w.]+)> )(?:([\w.]+) )?(\w+) = (\d+);/gm,
    ))
      fields[number] =
        value === undefined
          ? [field, typeName(type), count === "repeated" ? "many" : "one"]
          : [field, typeName(value), "map"];
    messages.set(`${prefix}.${name}`, fields);
  }
}

function readPointers(text: string, prefix: string, pointers: Set<string>): void {
  for (const [, struct = "", body = ""] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm))
    for (const [, field = ""] of body.matchAll(/^\t\w+\s+\*\w+\s+`json:"(\w+)/gm))
      pointers.add(`${prefix}.${struct}.${field}`);
}

/** Without prose, and without the one-element `allOf` that only exists to put a description beside a `$ref`. */
function trim(value: unknown, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((item) => trim(item));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => isMap || key !== "description");
  return Object.fromEntries(entries.map(([key, inner]) => [key, trim(inner, !isMap && key === "properties")]));
}

function sorted(map: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
