import { annotations, sourceRangesAnnotation, targetNodeLabelsAnnotation } from "../../../src/api/index.ts";

const awsPrefix = "service.beta.kubernetes.io/aws-load-balancer-";

const suffixes = {
  type: "type",
  targetType: "nlb-target-type",
  name: "name",
  scheme: "scheme",
  internal: "internal",
  ipAddressType: "ip-address-type",
  subnets: "subnets",
  eipAllocations: "eip-allocations",
  privateIpv4: "private-ipv4-addresses",
  ipv6: "ipv6-addresses",
  sourceNat: "enable-prefix-for-ipv6-source-nat",
  tags: "additional-resource-tags",
  certificates: "ssl-cert",
  tlsPorts: "ssl-ports",
  tlsPolicy: "ssl-negotiation-policy",
  backendProtocol: "backend-protocol",
  alpn: "alpn-policy",
  tcpUdp: "enable-tcp-udp-listener",
  targetGroupAttributes: "target-group-attributes",
  proxyProtocol: "proxy-protocol",
  proxyProtocolPorts: "proxy-protocol-per-target-group",
  healthProtocol: "healthcheck-protocol",
  healthPort: "healthcheck-port",
  healthPath: "healthcheck-path",
  healthInterval: "healthcheck-interval",
  healthTimeout: "healthcheck-timeout",
  healthyThreshold: "healthcheck-healthy-threshold",
  unhealthyThreshold: "healthcheck-unhealthy-threshold",
  healthCodes: "healthcheck-success-codes",
  prefixLists: "security-group-prefix-lists",
  securityGroups: "security-groups",
  manageBackendRules: "manage-backend-security-group-rules",
  privateLink: "inbound-sg-rules-on-private-link-traffic",
  withoutSecurityGroup: "disable-nlb-sg",
  pathMtu: "enable-icmp-for-path-mtu-discovery",
  attributes: "attributes",
  crossZone: "cross-zone-load-balancing-enabled",
  accessLog: "access-log-enabled",
  accessLogBucket: "access-log-s3-bucket-name",
  accessLogPrefix: "access-log-s3-bucket-prefix",
} as const;

/** What an annotation is called here. */
export type KeyName = keyof typeof suffixes;

/** Annotations of the AWS Load Balancer Controller that mean the same here. */
export const keys: Readonly<Record<KeyName, string>> = Object.fromEntries(
  Object.entries(suffixes).map(([name, suffix]) => [name, aws(suffix)]),
) as Record<KeyName, string>;

/** `<this>.TCP-80`: for one listener. */
export const listenerAttributesPrefix: string = `${aws("listener-attributes")}.`;
/** `<this>.80`: for the target group of one port. */
export const portAttributesPrefix: string = `${keys.targetGroupAttributes}.`;

/** Annotations of AWS' controllers that mean nothing here. */
export type UnsupportedSuffix =
  | "source-nat-ipv6-prefixes"
  | "quic-enabled-ports"
  | "minimum-load-balancer-capacity"
  | "multi-cluster-target-group"
  | "extra-security-groups"
  | "access-log-emit-interval"
  | "connection-draining-enabled"
  | "connection-draining-timeout"
  | "connection-idle-timeout";

/** What to do instead. */
const unsupported: Readonly<Record<UnsupportedSuffix, string>> = {
  "source-nat-ipv6-prefixes": "AWS chooses the prefixes; remove it",
  "quic-enabled-ports": "there are no QUIC listeners; remove it",
  "minimum-load-balancer-capacity": "capacity is not reserved; reserve it by hand, and remove this",
  "multi-cluster-target-group": "target groups are not shared between clusters; remove it",
  "extra-security-groups": `a Network Load Balancer has none; give all of them in ${keys.securityGroups}`,
  "access-log-emit-interval": "only a Classic Load Balancer has it; remove it",
  "connection-draining-enabled": `only a Classic Load Balancer has it; give ${annotations.drainSeconds}`,
  "connection-draining-timeout": `only a Classic Load Balancer has it; give ${annotations.drainSeconds}`,
  "connection-idle-timeout": `only a Classic Load Balancer has it; give tcp.idle_timeout.seconds=N in ${listenerAttributesPrefix}TCP-PORT`,
};

const whyUnsupported: ReadonlyMap<string, string> = new Map(
  Object.entries(unsupported).map(([suffix, why]) => [aws(suffix), why]),
);
const known: ReadonlySet<string> = new Set(Object.values(keys));
/** Read by the controller, whatever the provider. */
const neutral: ReadonlySet<string> = new Set([sourceRangesAnnotation, targetNodeLabelsAnnotation]);
const kubernetesPrefix = "service.beta.kubernetes.io/";

/** What is to be said of an annotation that is for a cloud and is not followed here; undefined for any other one. */
export function whyNotFollowed(key: string): string | undefined {
  if (!key.startsWith(kubernetesPrefix) || known.has(key) || neutral.has(key)) return undefined;
  if ([listenerAttributesPrefix, portAttributesPrefix].some((prefix) => key.startsWith(prefix))) return undefined;
  const why = whyUnsupported.get(key);
  if (why !== undefined) return `is not supported: ${why}`;
  if (key.startsWith(`${kubernetesPrefix}actions.`))
    return "is not supported: a port has one target group, which Berth makes; remove it";
  return key.startsWith(awsPrefix) ? "means nothing to Berth; correct or remove it" : undefined;
}

function aws(suffix: string): string {
  return `${awsPrefix}${suffix}`;
}
