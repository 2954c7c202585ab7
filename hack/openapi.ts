// Writes what the embedded API server knows of the types that it serves: the OpenAPI v3 schemas of a real
// kube-apiserver (sandbox/apiserver/openapi/schemas.json), the field numbers of their protobuf encoding
// (protobuf.json beside it), and the roles that such a server starts with (access/bootstrap.json). Needs the binaries of e2e/kube-binaries. Takes the folders of the Go modules k8s.io/api
// and k8s.io/apimachinery: the `Dir` that `go mod download -json k8s.io/api@v0.37.2` prints, and so on.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { kubeApiserver } from "../e2e/contract/kube-apiserver.ts";

const documents: Readonly<Record<string, readonly string[]>> = {
  "api/v1": [
    "Binding",
    "ConfigMap",
    "Endpoints",
    "Event",
    "Eviction",
    "Namespace",
    "Node",
    "Pod",
    "Secret",
    "Service",
    "ServiceAccount",
    "TokenRequest",
  ],
  "apis/apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
  "apis/apps/v1": ["DaemonSet", "Deployment", "ReplicaSet", "Scale"],
  "apis/authentication.k8s.io/v1": ["SelfSubjectReview"],
  "apis/authorization.k8s.io/v1": ["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"],
  "apis/batch/v1": ["Job"],
  "apis/coordination.k8s.io/v1": ["Lease"],
  "apis/discovery.k8s.io/v1": ["EndpointSlice"],
  "apis/events.k8s.io/v1": ["Event"],
  "apis/networking.k8s.io/v1": ["NetworkPolicy"],
  "apis/policy/v1": ["PodDisruptionBudget"],
  "apis/rbac.authorization.k8s.io/v1": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
};

interface Schema extends Record<string, unknown> {
  readonly properties?: Readonly<Record<string, Record<string, unknown>>>;
}

const modules = process.argv.slice(2);
if (modules.length !== 2) {
  process.stderr.write("openapi: give the folders of the Go modules k8s.io/api and k8s.io/apimachinery\n");
  process.exit(2);
}
const root = new URL("..", import.meta.url).pathname;
const goTypes = readGoTypes();
const schemas: Record<string, unknown> = {};
await using controlPlane = await kubeApiserver.start();
for (const [document, kinds] of Object.entries(documents)) collect(get(`/openapi/v3/${document}`), kinds);
write("openapi/schemas.json", sorted(schemas));
write("openapi/protobuf.json", sorted(protobuf(Object.keys(schemas))));
write("access/bootstrap.json", bootstrapRoles());

function get(path: string): Record<string, Schema> {
  return (read(path) as { components: { schemas: Record<string, Schema> } }).components.schemas;
}

function read(path: string): unknown {
  const { stdout, stderr, status } = spawnSync(
    `${root}.tools/kubectl`,
    ["--kubeconfig", controlPlane.kubeconfig, "get", "--raw", path],
    { maxBuffer: 2 ** 26, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`${path}: ${stderr}`);
  return JSON.parse(stdout);
}

function write(file: string, content: unknown): void {
  writeFileSync(`${root}sandbox/apiserver/${file}`, `${JSON.stringify(content, undefined, 1)}\n`);
}

function sorted(content: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

interface Binding {
  readonly metadata: object;
  readonly roleRef: { readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
}

/** The bindings that every user or every service account meets, and the administrator's, with their roles. */
function bootstrapRoles(): readonly object[] {
  const everybody = /^system:(masters|authenticated|unauthenticated|serviceaccounts)$/;
  const group = "/apis/rbac.authorization.k8s.io/v1";
  const { items } = read(`${group}/clusterrolebindings`) as { items: Binding[] };
  const bindings = items.filter(({ subjects = [] }) => subjects.some(({ name }) => everybody.test(name)));
  const names = new Set(bindings.map(({ roleRef }) => roleRef.name));
  const roles = [...names].map((name) => read(`${group}/clusterroles/${name}`) as Binding);
  return [
    ...roles.map((role) => bare("ClusterRole", role)),
    ...bindings.map((binding) => bare("ClusterRoleBinding", binding)),
  ];
}

function bare(kind: string, { metadata, ...rest }: Binding): object {
  const { name, labels, annotations } = metadata as { name: string; labels?: object; annotations?: object };
  return { ...rest, apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name, labels, annotations } };
}

/** Keeps the schemas of the kinds, of their lists, and of everything that these refer to. */
function collect(all: Record<string, Schema>, kinds: readonly string[]): void {
  const isServed = (name: string): boolean =>
    kinds.some((kind) => name.endsWith(`.${kind}`) || name.endsWith(`.${kind}List`));
  const queue = Object.keys(all).filter(
    (name) => /^io\.k8s\.api(extensions-apiserver)?\./.test(name) && isServed(name),
  );
  queue.push("io.k8s.apimachinery.pkg.apis.meta.v1.Status", "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
  const seen = new Set<string>();
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const schema = { ...all[name], ...withGoTypes(name, all[name] ?? {}) };
    schemas[name] = schema;
    for (const [, reference = ""] of JSON.stringify(schema).matchAll(/#\/components\/schemas\/([^"]+)/g))
      queue.push(reference);
  }
}

/** Adds what JSON alone does not say: the named types of strings, and which times are null rather than absent. */
function withGoTypes(name: string, { properties }: Schema): Partial<Schema> {
  if (properties === undefined) return {};
  const typed = Object.entries(properties).map(([field, property]) => {
    const { type = "", isAlwaysThere = false } = goTypes.get(`${name}.${field}`) ?? {};
    const isTime = type === "metav1.Time" || type === "metav1.MicroTime" || type === "Time" || type === "MicroTime";
    const isNamedText = property["type"] === "string" && /^[A-Z]\w*$/.test(type);
    return [
      field,
      {
        ...property,
        ...(isTime && isAlwaysThere ? { default: null } : {}),
        ...(isNamedText ? { "x-go-type": `${name.split(".").at(-2)}.${type}` } : {}),
      },
    ];
  });
  return { properties: Object.fromEntries(typed) };
}

/** Message -> field number -> [JSON name, type, `one`, `many` or `map`]; a `*` marks a Go pointer to a scalar. */
function protobuf(roots: readonly string[]): Record<string, unknown> {
  const messages = new Map<string, Record<string, readonly string[]>>();
  for (const module of modules)
    for (const file of globSync(`${module}/**/generated.proto`)) readProto(readFileSync(file, "utf8"), messages);
  const found: Record<string, unknown> = {};
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const message = messages.get(name);
    if (message === undefined || found[name] !== undefined) continue;
    const fields = Object.entries(message).map(([number, [field = "", type = "", count = ""]]) => {
      queue.push(type);
      return [number, [field, goTypes.get(`${name}.${field}`)?.isPointer === true ? `*${type}` : type, count]] as const;
    });
    found[name] = Object.fromEntries(fields);
  }
  return found;
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

interface GoField {
  readonly type: string;
  readonly isPointer: boolean;
  /** Neither a pointer nor dropped when zero. */
  readonly isAlwaysThere: boolean;
}

/** What the Go sources say of each field, by schema name and JSON name. */
function readGoTypes(): ReadonlyMap<string, GoField> {
  const found = new Map<string, GoField>();
  for (const module of modules)
    for (const proto of globSync(`${module}/**/generated.proto`)) {
      const prefix = schemaName(/^package (.*);/m.exec(readFileSync(proto, "utf8"))?.[1] ?? "");
      for (const file of globSync(`${proto.replace(/generated.proto$/, "")}*types*.go`))
        for (const [, struct = "", body = ""] of readFileSync(file, "utf8").matchAll(
          /^type (\w+) struct \{\n([\s\S]*?)^\}/gm,
        ))
          for (const [, star = "", type = "", name = "", options = ""] of body.matchAll(
            /^\t\w+\s+(\*?)([\w.[\]]+)\s+`json:"(\w+)([\w,]*)"/gm,
          ))
            found.set(`${prefix}.${struct}.${name}`, {
              type,
              isPointer: star !== "",
              isAlwaysThere: star === "" && !options.includes("omitzero"),
            });
    }
  return found;
}
