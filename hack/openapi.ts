// Trims the official OpenAPI v3 documents to the kinds that the embedded API server serves, without descriptions,
// and writes them to sandbox/apiserver/openapi/schemas.json. Takes the folder of a Kubernetes source tree, such as the
// `Dir` that `go mod download -json k8s.io/kubernetes@v1.37.2` prints.
import { readFileSync, writeFileSync } from "node:fs";

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
  ],
  apis__apps__v1: ["Deployment", "ReplicaSet", "Scale"],
  "apis__events.k8s.io__v1": ["Event"],
  "apis__discovery.k8s.io__v1": ["EndpointSlice"],
  "apis__coordination.k8s.io__v1": ["Lease"],
};

type Schema = Record<string, unknown>;

const source = process.argv[2];
if (source === undefined) {
  process.stderr.write("openapi: give the folder of a Kubernetes source tree\n");
  process.exit(2);
}
const target = new URL("../sandbox/apiserver/openapi/schemas.json", import.meta.url).pathname;

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
writeFileSync(target, `${JSON.stringify(sorted(schemas), undefined, 1)}\n`);

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
