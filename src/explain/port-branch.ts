import { type EndpointSlice, objectKey, type Service, serviceNameLabel, serviceProxyNameLabel } from "../api/index.ts";
import { frontendText, type ProxiedPort, type ProxiedService, proxiedService } from "../model/index.ts";
import { no, type Tree, unknown, yes } from "./tree.ts";
import { isUnread, type Part, readOf, type World } from "./world.ts";

/** Nowhere: what is asked of it is the same for all nodes. */
const noNode = { name: "", zone: undefined };

/** The Service as proxies see it; undefined when DNS alone answers for it. */
export function proxiedOf({ slices }: World, service: Service): ProxiedService | undefined {
  return proxiedService(service, readOf(slices), noNode, service.metadata.labels?.[serviceProxyNameLabel]);
}

/** Whether anybody stands behind each port, whatever the node. */
export function explainPorts({ slices }: World, service: Service, proxied: ProxiedService | undefined): Tree[] {
  if (proxied === undefined) return [explainNamed(slices, service)];
  return [
    ...proxied.ports.map((port) => explainPort(slices, service, port)),
    ...(proxied.refused ?? []).map(({ frontend, protocol, why }) =>
      no("frontend", frontendText(frontend, protocol), `${why}; correct the Service`),
    ),
    ...explainAffinity(service),
  ];
}

/** `http 80/TCP IPv4`. */
export function portTitle({ service, name, protocol, family, frontends }: ProxiedPort): string {
  const own = name.slice(service.length + 1);
  return `${own === "" ? "" : `${own} `}${frontends[0]?.port ?? "?"}/${protocol} ${family}`;
}

function explainPort(slices: Part<EndpointSlice>, service: Service, port: ProxiedPort): Tree {
  const title = portTitle(port);
  if (isUnread(slices)) return unknown("port", title, slices.unread);
  const ready = port.endpoints.filter((endpoint) => endpoint.ready).length;
  const facts = { endpoints: `${ready} of ${port.endpoints.length} ready` };
  if (!port.choice.any) return no("port", title, whyNobody(slices, service, port), { facts });
  return ready > 0
    ? yes("port", title, { facts })
    : yes("port", title, { facts: { ...facts, only: "endpoints that terminate" } });
}

function whyNobody(slices: readonly EndpointSlice[], service: Service, port: ProxiedPort): string {
  const { endpoints } = port;
  if (endpoints.length === 0) return whyNone(slices, service, port);
  if (endpoints.every(({ terminating }) => terminating))
    return `all ${endpoints.length} endpoints are terminating and none serves any more; start others`;
  return `none of ${endpoints.length} endpoints is ready; see why: kubectl describe pods ${selectorFlag(service)}`.trimEnd();
}

function whyNone(slices: readonly EndpointSlice[], service: Service, port: ProxiedPort): string {
  const filled = slices.filter(({ endpoints }) => (endpoints ?? []).length > 0);
  const own = filled.filter(({ addressType }) => addressType === port.family);
  if (filled.length === 0) return whyNoPod(service);
  if (own.length === 0)
    return `endpoints have no ${port.family} address; give the pods one, or take ${port.family} out of spec.ipFamilies`;
  const portName = port.name.slice(port.service.length + 1);
  const target = service.spec?.ports?.find(({ name = "" }) => name === portName)?.targetPort;
  const offered = [
    ...new Set(
      own.flatMap(({ ports }) => (ports ?? []).map((one) => `${one.name || "(unnamed)"} ${one.protocol ?? "TCP"}`)),
    ),
  ].sort();
  if (
    isSelecting(service) &&
    typeof target === "string" &&
    !own.some(({ ports }) => ports?.some(({ name }) => name === portName))
  )
    return `targetPort ${JSON.stringify(target)} is the name of no container port of the selected pods; name it so there, or give its number`;
  const wanted = `${portName || "(unnamed)"} ${port.protocol}`;
  return `the slices have ports ${offered.join(", ") || "of no name"} but not ${wanted}; name the port alike in Service and slices`;
}

function whyNoPod(service: Service): string {
  if (isSelecting(service))
    return `selector ${selectorText(service)} matches no pod that has an address; compare: kubectl get pods --show-labels --namespace ${service.metadata.namespace ?? ""}`;
  const label = `${serviceNameLabel}=${service.metadata.name ?? ""}`;
  return `the Service has no selector, and no EndpointSlice with label ${label} has endpoints; add either`;
}

function isSelecting({ spec }: Service): boolean {
  return Object.keys(spec?.selector ?? {}).length > 0;
}

function selectorText({ spec }: Service): string {
  return Object.entries(spec?.selector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

function selectorFlag(service: Service): string {
  return isSelecting(service)
    ? `--namespace ${service.metadata.namespace ?? ""} --selector ${selectorText(service)}`
    : "";
}

/** Of type ExternalName, headless, or not given an address yet. */
function explainNamed(slices: Part<EndpointSlice>, service: Service): Tree {
  const { type, clusterIP = "", externalName = "" } = service.spec ?? {};
  const facts = { "answered by": "the DNS of the cluster" };
  if (type === "ExternalName") return yes("name", externalName, { facts });
  if (clusterIP !== "None")
    return no("address", "(none)", "the Service has no ClusterIP; see its events, and whether its range is used up");
  if (isUnread(slices)) return unknown("headless", objectKey(service.metadata), slices.unread, { facts });
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const ready = endpoints.filter(({ conditions }) => conditions?.ready ?? true).length;
  const why =
    endpoints.length === 0 ? whyNoPod(service) : `none of ${endpoints.length} endpoints is ready; see their pods`;
  const all = { ...facts, endpoints: `${ready} of ${endpoints.length} ready` };
  return ready > 0
    ? yes("headless", objectKey(service.metadata), { facts: all })
    : no("headless", objectKey(service.metadata), why, { facts: all });
}

function explainAffinity({ spec }: Service): Tree[] {
  if (spec?.sessionAffinity !== "ClientIP") return [];
  const seconds: unknown = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
  const facts = { limit: "a node remembers ip_list_tot clients of an endpoint (xt_recent), 100 unless raised" };
  return Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= 86_400
    ? [yes("session affinity", `ClientIP ${Number(seconds)} s`, { facts })]
    : [
        no(
          "session affinity",
          "ClientIP",
          `timeoutSeconds ${JSON.stringify(seconds)} is not from 1 to 86400 and counts as 10800; give one that is`,
          { facts },
        ),
      ];
}
