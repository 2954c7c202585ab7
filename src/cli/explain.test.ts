import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiServer, startApiServer } from "../../sandbox/apiserver/index.ts";
import { endpointSlices, leases, namespaces, nodes, services } from "../api/index.ts";
import { errorMessage } from "../base/index.ts";
import type { Tree } from "../explain/index.ts";
import { KubeClient, microTime, staticConnection } from "../kube/index.ts";
import { parseCidr } from "../net/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import { newCommand } from "./command.ts";
import { define } from "./explain.ts";

const { signal } = new AbortController();
let folder: string;
let server: ApiServer;

/** Who asks: `admin`, or one who may get Services of `default` and nothing else. */
type User = "admin" | "reader";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-explain-"));
  server = await startApiServer({
    listen: [{ scheme: "http", host: "127.0.0.1", port: 0 }],
    serviceCidrs: [parseCidr("10.96.0.0/16")!],
    nodePorts: { first: 30_000, last: 32_767 },
  });
  await using client = clientOf(server.token);
  await fill(client);
  await writeFile(join(folder, "admin"), kubeconfig(server.token));
  await writeFile(join(folder, "reader"), kubeconfig(await readerToken(client)));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function clientOf(token: string): KubeClient {
  const connection = staticConnection(server.urls[0]!, { headers: { authorization: `Bearer ${token}` } });
  return new KubeClient({ connection, metrics: createMetrics() });
}

function kubeconfig(token: string): string {
  return JSON.stringify({
    clusters: [{ name: "c", cluster: { server: server.urls[0] } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    users: [{ name: "u", user: { token } }],
    "current-context": "c",
  });
}

/** Service `web` that serves on one node with an agent, and `lonely`, behind which is nobody. */
async function fill(client: KubeClient): Promise<void> {
  const at = { namespace: "default" };
  const ports = [{ port: 80 }];
  await client.create(namespaces, { metadata: { name: "berth-node-lease" } }, signal);
  await client.create(nodes, { metadata: { name: "node1" } }, signal);
  await client.create(services, { metadata: { ...at, name: "web" }, spec: { ports } }, signal);
  await client.create(
    services,
    { metadata: { ...at, name: "lonely" }, spec: { selector: { app: "x" }, ports } },
    signal,
  );
  await client.create(services, { metadata: { namespace: "kube-system", name: "dns" }, spec: { ports } }, signal);
  await client.create(
    endpointSlices,
    {
      metadata: { ...at, name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      ports: [{ name: "", port: 80 }],
      endpoints: [{ addresses: ["10.0.0.1"], nodeName: "node1" }],
    },
    signal,
  );
  const annotations = { "berth.dev/report": JSON.stringify({ programmed: { IPv4: "x" } }) };
  await client.create(
    leases,
    {
      metadata: { namespace: "berth-node-lease", name: "berth-agent-node1", annotations },
      spec: { renewTime: microTime(Date.now()) },
    },
    signal,
  );
}

async function readerToken(client: KubeClient): Promise<string> {
  const core = "/api/v1/namespaces/default";
  const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
  const post = async (path: string, body: object): Promise<unknown> =>
    await client.request({ method: "POST", path, body, signal });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" };
  const subjects = [{ kind: "ServiceAccount", name: "reader", namespace: "default" }];
  await post(`${core}/serviceaccounts`, { metadata: { name: "reader" } });
  const rules = [{ apiGroups: [""], resources: ["services"], verbs: ["get"] }];
  await post(`${rbac}/roles`, { metadata: { name: "reader" }, rules });
  await post(`${rbac}/rolebindings`, { metadata: { name: "reader" }, roleRef, subjects });
  const answer = (await post(`${core}/serviceaccounts/reader/token`, {})) as { status: { token: string } };
  return answer.status.token;
}

/** What it prints, and what it ends with. */
async function run(user: User, flags: string): Promise<{ out: string; end: string }> {
  let out = "";
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out += chunk.toString();
      done();
    },
  });
  const command = newCommand("berth explain").configureOutput({ writeErr() {} });
  const environment = { KUBECONFIG: join(folder, user) };
  define(command, { argv: [], environment, signal, stdout, stderr: stdout });
  try {
    await command.parseAsync(flags.split(" "), { from: "user" });
    return { out, end: "" };
  } catch (error) {
    return { out, end: `${(error as Error).name} ${errorMessage(error)}` };
  }
}

function withoutTimes(text: string): string {
  return text.replace(/; created [^\]]+/, "").replace(/\d+ s ago/, "N s ago");
}

it("draws a Service that serves", async () => {
  const { out, end } = await run("admin", "service/web");
  expect(end).toBe("");
  expect(
    withoutTimes(out).replace(/10\.96\.\d+\.\d+/, "CLUSTER-IP"),
  ).toBe(`yes  Service default/web  [type ClusterIP; cluster IPs CLUSTER-IP; internal policy Cluster]
NO   ├─ class (none): the Service is of type ClusterIP, so it wants no load balancer; set spec.type: LoadBalancer for one
yes  ├─ port 80/TCP IPv4  [endpoints 1 of 1 ready]
yes  └─ nodes 1 of 1 serve
yes     └─ node node1
yes        ├─ agent  [reported N s ago]
yes        └─ port 80/TCP IPv4  [from pods 1 of 1]
yes           └─ endpoint 10.0.0.1:80  [node node1]
`);
});

it("ends with a failure that says why a Service does not serve", async () => {
  const { out, end } = await run("admin", "svc/lonely -o text");
  expect(out.split("\n")[0]).toMatch(
    /^NO {3}Service default\/lonely: port 80\/TCP IPv4: selector app=x matches no pod/,
  );
  expect(end).toBe(
    "FailureError default/lonely does not serve: port 80/TCP IPv4: selector app=x matches no pod that has an address; compare: kubectl get pods --show-labels --namespace default",
  );
});

it("gives programs the tree", async () => {
  const { out, end } = await run("admin", "services/web -n default --output json");
  const tree = JSON.parse(out) as Tree;
  expect(end).toBe("");
  expect(tree).toMatchObject({ what: "Service", name: "default/web", verdict: "yes", facts: { type: "ClusterIP" } });
  expect(tree.children.map(({ what, verdict }) => `${what} ${verdict}`)).toEqual(["class no", "port yes", "nodes yes"]);
  expect(Object.keys(tree.children[0]!)).toEqual(["what", "name", "verdict", "why", "facts", "children"]);
});

it("names the rule for each part that may not be read, and goes without", async () => {
  const { out, end } = await run("reader", "service/web -o json");
  expect(end).toBe("");
  const tree = JSON.parse(out) as Tree;
  expect(tree.verdict).toBe("unknown");
  const unknown = tree.children.filter(({ verdict }) => verdict === "unknown");
  expect(unknown.map(({ what, name, why }) => `${what} ${name}: ${why}`)).toEqual([
    "port 80/TCP IPv4: endpointslices may not be read; grant {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]} by a Role in namespace default",
    'nodes : nodes may not be read; grant {apiGroups: [""], resources: [nodes], verbs: [list]} by a ClusterRole',
    'not read namespaces: namespaces may not be read; grant {apiGroups: [""], resources: [namespaces], verbs: [get]} by a ClusterRole',
    "not read classes: loadbalancerclasses may not be read; grant {apiGroups: [berth.dev], resources: [loadbalancerclasses], verbs: [list]} by a ClusterRole",
    "not read records: loadbalancerrecords may not be read; grant {apiGroups: [berth.dev], resources: [loadbalancerrecords], verbs: [get]} by a Role in namespace default",
    "not read leases: leases may not be read; grant {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [list]} by a Role in namespace berth-node-lease",
    "not read events: events may not be read; grant {apiGroups: [events.k8s.io], resources: [events], verbs: [list]} by a Role in namespace default",
  ]);
});

it.each<[string, User, string, string]>([
  [
    "a typing error",
    "admin",
    "service/wbe",
    "UsageError there is no Service wbe in namespace default; web may be meant",
  ],
  [
    "another namespace",
    "admin",
    "service/dns",
    "UsageError there is no Service dns in namespace default; there is one in kube-system: give -n NAMESPACE",
  ],
  [
    "nothing near in another namespace",
    "admin",
    "service/other -n kube-system",
    "UsageError there is no Service other in namespace kube-system; there are dns",
  ],
  [
    "a name like no other",
    "admin",
    "service/quite-another",
    "UsageError there is no Service quite-another in namespace default; there are kubernetes, lonely, web",
  ],
  [
    "an empty namespace",
    "admin",
    "service/web -n nowhere",
    "UsageError there is no Service web in namespace nowhere; there is one in default: give -n NAMESPACE",
  ],
  [
    "no right to list",
    "reader",
    "service/wbe",
    'UsageError there is no Service wbe in namespace default; grant {apiGroups: [""], resources: [services], verbs: [list]} by a ClusterRole to be told of others',
  ],
  [
    "no right at all",
    "reader",
    "service/dns -n kube-system",
    'FailureError services "dns" is forbidden: User "system:serviceaccount:default:reader" cannot get resource "services" in API group "" in the namespace "kube-system"; grant {apiGroups: [""], resources: [services], verbs: [get]} by a Role in namespace kube-system',
  ],
  ["another kind", "admin", "pod/web", 'UsageError "pod/web" names no Service; give service/NAME, and -n NAMESPACE'],
  ["no kind", "admin", "web", 'UsageError "web" names no Service; give service/NAME, and -n NAMESPACE'],
  ["nothing", "admin", "-o json", "CommanderError error: missing required argument 'service'"],
  [
    "another format",
    "admin",
    "service/web -o yaml",
    "CommanderError error: option '-o, --output <format>' argument 'yaml' is invalid. Allowed choices are text, json.",
  ],
  ["an unknown flag", "admin", "service/web --watch", "CommanderError error: unknown option '--watch'"],
  [
    "two Services",
    "admin",
    "service/web service/dns",
    "CommanderError error: too many arguments. Expected 1 argument but got 2: service/web, service/dns.",
  ],
])("says in one message what is wrong: %s", async (_, user, flags, expected) => {
  expect(await run(user, flags)).toEqual({ out: "", end: expected });
});
