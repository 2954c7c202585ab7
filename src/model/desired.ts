import {
  annotations,
  type LabelSelector,
  nodePortsAnnotation,
  type Protocol,
  type Service,
  sourceRangesAnnotation,
  targetNodeLabelsAnnotation,
} from "../api/index.ts";
import { type Cidr, type Family, formatIp, type Ip, ipEquals, parseCidr, parseIp } from "../net/index.ts";
import { unknownKeys } from "./annotation-keys.ts";
import type { ClassPolicy } from "./class-policy.ts";
import type { DesiredLoadBalancer, Issue, LbPort, NodeHealthCheck } from "./load-balancer.ts";
import { parseSelector } from "./selector-text.ts";
import { annotationPath, checkValues, schemeOf, type Terms, termsOf } from "./terms.ts";

/** The wish of a Service, as far as it can be understood; with a `refuse` issue it must not be acted on. */
export interface Wish {
  readonly lb: DesiredLoadBalancer;
  /** Which nodes it may send to, as far as the Service says; undefined: all. */
  readonly nodeSelector: LabelSelector | undefined;
  readonly issues: readonly Issue[];
  /** Typing errors, it seems: they do no harm, but must not pass unseen. */
  readonly warnings: readonly string[];
}

/** Where the node agent (and kube-proxy) say whether a node takes traffic. */
const nodeHealthPort = 10_256;

/** What API servers fill in for `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const defaultAffinitySeconds = 10_800;

/** Reads a Service of a class. Addresses of our own allocator are the caller's to fill in. */
export function desiredLoadBalancer(service: Service, clusterId: string, policy: ClassPolicy): Wish {
  const { metadata, spec } = service;
  const terms = termsOf(service, policy);
  const issues = [...terms.issues, ...checkValues(terms)];
  const families = familiesOf(service);
  const lb: DesiredLoadBalancer = {
    id: { clusterId, uid: metadata.uid ?? "", namespace: metadata.namespace ?? "", name: metadata.name ?? "" },
    families,
    ports: portsOf(service, issues),
    externalTrafficPolicy: spec?.externalTrafficPolicy === "Local" ? "Local" : "Cluster",
    sessionAffinity:
      spec?.sessionAffinity === "ClientIP"
        ? {
            kind: "ClientIP",
            timeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds,
          }
        : { kind: "None" },
    sourceRanges: sourceRangesOf(service, terms, issues),
    healthCheck: healthCheckOf(service),
    requestedAddresses: requestedAddressesOf(terms, families, issues),
    addresses: [],
    annotations: terms.annotations,
    loadBalancerClass: policy.loadBalancerClass,
    ...(policy.parameters !== undefined && { parameters: policy.parameters }),
    createdAt: metadata.creationTimestamp ?? "",
    scheme: schemeOf(terms, policy, issues),
    retain: false,
  };
  return { lb, nodeSelector: nodeSelectorOf(terms, policy, issues), issues, warnings: warningsOf(service) };
}

/** With the word of its cloud for the same: what both select. */
function nodeSelectorOf(terms: Terms, { provider }: ClassPolicy, issues: Issue[]): LabelSelector | undefined {
  const keys = [annotations.nodeSelector, ...(provider === "aws-nlb" ? [targetNodeLabelsAnnotation] : [])];
  const requirements = keys.flatMap((key) => {
    const text = terms.annotations[key];
    if (text === undefined) return [];
    const parsed = parseSelector(text);
    if ("selector" in parsed) return parsed.selector.matchExpressions ?? [];
    issues.push(refuse(annotationPath(key), "InvalidNodeSelector", parsed.wrong));
    return [];
  });
  return requirements.length === 0 ? undefined : { matchExpressions: requirements };
}

function familiesOf({ spec }: Service): readonly Family[] {
  const named = (spec?.ipFamilies ?? []).filter((name) => name === "IPv4" || name === "IPv6");
  if (named.length > 0) return named;
  return [parseIp(spec?.clusterIP ?? "")?.family ?? "IPv4"];
}

function portsOf({ spec }: Service, issues: Issue[]): readonly LbPort[] {
  const ports = (spec?.ports ?? []).map(
    ({ name = "", protocol = "TCP", port, nodePort = 0 }): LbPort => ({
      name,
      protocol: protocol as Protocol,
      port,
      nodePort,
    }),
  );
  if (ports.length === 0)
    issues.push(refuse("spec.ports", "PortsMissing", "a load balancer needs at least one port; add one"));
  return ports.sort((a, b) => a.protocol.localeCompare(b.protocol, "en") || a.port - b.port);
}

function healthCheckOf({ spec }: Service): NodeHealthCheck {
  const local = spec?.externalTrafficPolicy === "Local" ? spec.healthCheckNodePort : undefined;
  return { protocol: "HTTP", port: local ?? nodeHealthPort, path: "/healthz" };
}

function sourceRangesOf({ spec }: Service, { annotations }: Terms, issues: Issue[]): readonly Cidr[] {
  const field = spec?.loadBalancerSourceRanges ?? [];
  const [path, texts] =
    field.length > 0
      ? ["spec.loadBalancerSourceRanges", field]
      : [annotationPath(sourceRangesAnnotation), list(annotations[sourceRangesAnnotation])];
  return texts.flatMap((text) => {
    const cidr = parseCidr(text.trim());
    if (cidr !== undefined) return [cidr];
    const message = `${JSON.stringify(text)} is no prefix; give ADDRESS/BITS, such as 192.0.2.0/24`;
    issues.push(refuse(path, "InvalidSourceRanges", message));
    return [];
  });
}

function requestedAddressesOf(terms: Terms, families: readonly Family[], issues: Issue[]): readonly Ip[] {
  const path = annotationPath(annotations.loadBalancerIps);
  const byAnnotation = parseAddresses(list(terms.annotations[annotations.loadBalancerIps]), path, issues);
  const byField = parseAddresses(list(terms.loadBalancerIp), "spec.loadBalancerIP", issues);
  if (byAnnotation.length > 0 && byField.some((ip) => !byAnnotation.some((other) => ipEquals(ip, other)))) {
    const message = `it asks for other addresses than spec.loadBalancerIP (${byField.map(formatIp).join(", ")}); remove one of the two`;
    issues.push(refuse(path, "AmbiguousAddress", message));
  }
  const [from, addresses] = byAnnotation.length > 0 ? [path, byAnnotation] : ["spec.loadBalancerIP", byField];
  for (const ip of addresses) {
    if (!families.includes(ip.family)) {
      const message = `${formatIp(ip)} is ${ip.family}, but the Service has ${families.join(", ")}; change one of the two`;
      issues.push(refuse(from, "AddressFamilyMismatch", message));
    }
    if (addresses.find(({ family }) => family === ip.family) !== ip)
      issues.push(refuse(from, "AmbiguousAddress", `more than one ${ip.family} address is asked for; give one`));
  }
  return addresses;
}

function parseAddresses(texts: readonly string[], path: string, issues: Issue[]): readonly Ip[] {
  return texts.flatMap((text) => {
    const ip = parseIp(text);
    if (ip !== undefined) return [ip];
    issues.push(
      refuse(path, "InvalidAddress", `${JSON.stringify(text)} is no IP address; give one, such as 192.0.2.10`),
    );
    return [];
  });
}

function warningsOf({ metadata }: Service): readonly string[] {
  const { [nodePortsAnnotation]: _, ...rest } = metadata.annotations ?? {};
  return unknownKeys(Object.keys(rest)).map(({ key, why }) => `${annotationPath(key)}: ${why}`);
}

function list(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function refuse(path: string, reason: string, message: string): Issue {
  return { path, severity: "refuse", reason, message };
}
