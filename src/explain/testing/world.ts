import type {
  Condition,
  Lease,
  LoadBalancerClass,
  LoadBalancerIngress,
  LoadBalancerRecordStatus,
  Service,
  ServiceSpec,
} from "../../api/index.ts";
import { node, port, service, slice } from "../../model/testing/objects.ts";
import { explain, type Tree, type World } from "../index.ts";

export const now: number = Date.UTC(2026, 0, 1, 12, 0, 0);

/** A time so many seconds ago. */
export function ago(seconds: number): string {
  return new Date(now - seconds * 1000).toISOString();
}

/** The Lease of an agent that lives, or of one that renewed it last so many seconds ago. */
export function lease(nodeName: string, report: object = {}, seconds = 3): Lease {
  const annotations = { "berth.dev/report": JSON.stringify({ programmed: { IPv4: "x" }, ...report }) };
  return { metadata: { name: `berth-agent-${nodeName}`, annotations }, spec: { renewTime: ago(seconds) } };
}

/** `ns/web` of class `berth.dev/proxy`, with an address and all conditions as they should be. */
export function webService(): Service {
  const condition = (type: string, status: string) => ({
    type: `berth.dev/${type}`,
    status,
    reason: type,
    message: "",
    lastTransitionTime: ago(60),
  });
  const spec = {
    type: "LoadBalancer",
    loadBalancerClass: "berth.dev/proxy",
    clusterIP: "10.96.0.7",
    clusterIPs: ["10.96.0.7"],
    selector: { app: "web" },
    ports: [port("http", 80, { nodePort: 30_080, targetPort: 8080 })],
  };
  const { metadata, ...rest } = service("ns/web", spec, ["203.0.113.7"]);
  return {
    ...rest,
    metadata: { ...metadata, creationTimestamp: ago(3600), finalizers: ["proxy.berth.dev/resources"] },
    status: {
      loadBalancer: { ingress: [{ ip: "203.0.113.7" }] },
      conditions: [condition("Accepted", "True"), condition("Programmed", "True"), condition("Ready", "True")],
    },
  };
}

/** Two nodes, each with an agent and a pod, and a Service that serves. */
export function goodWorld(): World {
  return {
    now,
    services: [webService()],
    slices: [
      slice(
        "web-1",
        [{ name: "http", port: 8080 }],
        [
          { ip: "10.0.0.1", node: "a", ready: true },
          { ip: "10.0.0.2", node: "b", ready: true },
        ],
      ),
    ],
    nodes: [node("a"), node("b", "zone-b")],
    namespaces: [{ metadata: { name: "ns", labels: { team: "shop" } } }],
    classes: [],
    records: [],
    leases: [lease("a"), lease("b")],
    events: [],
  };
}

/** Each part that does not serve for a reason of its own, once: `NO endpoint 10.0.0.1:80: why`. */
function reasons(tree: Tree): string[] {
  const inner = tree.children.flatMap(reasons);
  if (tree.verdict === "yes" || tree.children.some(({ verdict }) => verdict !== "yes")) return [...new Set(inner)];
  return [`${tree.verdict === "no" ? "NO" : "?"} ${tree.what}${tree.name && ` ${tree.name}`}: ${tree.why}`];
}

export function told(world: World): string[] {
  const tree = explain(world, "ns/web");
  return [tree.verdict, ...reasons(tree)];
}

/** The Service with another spec; what is undefined is taken away. */
export function withSpec(
  change: { [K in keyof ServiceSpec]?: ServiceSpec[K] | undefined },
  rest: Partial<Service> = {},
): World {
  const web = webService();
  const fields = Object.entries({ ...web.spec, ...change }).filter(([, value]) => value !== undefined);
  return { ...goodWorld(), services: [{ ...web, ...rest, spec: Object.fromEntries(fields) as ServiceSpec }] };
}

export function withMetadata(metadata: Service["metadata"], change: Partial<Service> = {}): World {
  const web = webService();
  return { ...goodWorld(), services: [{ ...web, ...change, metadata: { ...web.metadata, ...metadata } }] };
}

/** As the API server has it before any controller came. */
export const untouched = { status: {} };

export function condition(type: string, status: string, reason: string, message: string): Condition {
  return { type, status, reason, message, lastTransitionTime: ago(9) };
}

export function withStatus(conditions: Condition[], ingress: LoadBalancerIngress[], more: Partial<World> = {}): World {
  const status = { conditions, loadBalancer: { ingress } };
  return { ...goodWorld(), services: [{ ...webService(), status }], ...more };
}

export function withClass(
  spec: Partial<LoadBalancerClass["spec"]>,
  rest: Partial<LoadBalancerClass> = {},
): Partial<World> {
  return {
    classes: [
      { metadata: { name: "shop" }, spec: { loadBalancerClass: "berth.dev/proxy", proxy: {}, ...spec }, ...rest },
    ],
  };
}

export function record(status: LoadBalancerRecordStatus): Partial<World> {
  return { records: [{ metadata: { namespace: "ns", name: "web" }, status }] };
}

export const http: Parameters<typeof slice>[1] = [{ name: "http", port: 8080 }];
export const address: LoadBalancerIngress[] = [{ ip: "203.0.113.7" }];
