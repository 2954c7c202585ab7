import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import type { Issue } from "../../../src/provider/index.ts";
import { cidr, desiredLb, ip, port } from "../testing/values.ts";
import { nlbSpec, type SchemaSettings } from "./index.ts";
import { type KeyName, keys, type UnsupportedSuffix } from "./keys.ts";

const p = "service.beta.kubernetes.io/aws-load-balancer-";
const cert = "arn:aws:acm:eu-west-1:123456789012:certificate/1";
const http = port("TCP", 80, 30_080, "http");
const https = port("TCP", 443, 30_443, "https");
const dns = port("TCP", 53, 30_053, "dns");
const dnsUdp = port("UDP", 53, 30_053, "dns-udp");
const dual = { families: ["IPv4", "IPv6"] } as const;
const ranges = { sourceRanges: [cidr("192.0.2.0/24")] };
const tlsPorts = { "ssl-cert": cert, "ssl-ports": "https" };

interface Case {
  /** Without a slash: those of AWS, without what all begin with. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly changes?: Partial<DesiredLoadBalancer>;
  readonly settings?: Partial<SchemaSettings>;
}

/** A wrong annotation: texts that it must not have, each alone, and what else has to be said for it to count. */
interface Row {
  readonly bad: readonly string[];
  readonly beside?: Readonly<Record<string, string>>;
}

const tls = { beside: { "ssl-cert": cert } } as const;

/** Whoever adds an annotation adds its row: without one this does not compile. */
const rows: Readonly<Record<KeyName, Row>> = {
  type: { bad: ["clb", "nlb-ip"] },
  targetType: { bad: ["ip", "pod"] },
  name: { bad: ["", "a b", "-a", "a-", "internal-a", "a".repeat(33)] },
  scheme: { bad: ["public", ""] },
  internal: { bad: ["yes", "0.0.0.0/0"] },
  ipAddressType: { bad: ["ipv6", "Dualstack"] },
  subnets: { bad: ["", "a,", "a,a"] },
  eipAllocations: { bad: ["1.2.3.4", "eipalloc-1,eipalloc-1"] },
  privateIpv4: { bad: ["10.0.0.256", "::1"] },
  ipv6: { bad: ["10.0.0.1"] },
  sourceNat: { bad: ["true"] },
  tags: {
    bad: [
      "a",
      "=b",
      "a=1,a=2",
      "aws:a=b",
      "berth.dev/cluster=x",
      "Kubernetes.io/a=b",
      "elbv2.k8s.aws/a=b",
      "a=b*c",
      Array.from({ length: 3 }, (_, i) => `${"k".repeat(99)}${i}=v`).join(","),
    ],
  },
  certificates: {
    bad: [
      "my-cert",
      `${cert},`,
      cert.replace("eu-west-1", "us-east-1"),
      Array.from({ length: 26 }, (_, i) => `${cert}${i}`).join(","),
    ],
  },
  tlsPorts: { bad: ["8443", "", "http,"], ...tls },
  tlsPolicy: { bad: ["TLS13", "ELBSecurityPolicy-"], ...tls },
  backendProtocol: { bad: ["https", "SSL"], ...tls },
  alpn: { bad: ["h2", "HTTP2"], ...tls },
  tcpUdp: { bad: ["on"] },
  targetGroupAttributes: {
    bad: ["a=b", "deregistration_delay.timeout_seconds=3601", "proxy_protocol_v2.enabled=on", "stickiness.type=cookie"],
  },
  proxyProtocol: { bad: ["true"] },
  proxyProtocolPorts: { bad: ["81", ""] },
  healthProtocol: { bad: ["HTTP"] },
  healthPort: { bad: ["0", "70000", "nope"] },
  healthPath: { bad: ["healthz", "/a b"], beside: { "healthcheck-protocol": "http" } },
  healthInterval: { bad: ["4", "301", "10s"] },
  healthTimeout: { bad: ["1", "121", "11"] },
  healthyThreshold: { bad: ["1", "1.5"] },
  unhealthyThreshold: { bad: ["11", "-2"] },
  healthCodes: { bad: ["100", "200-"], beside: { "healthcheck-protocol": "http" } },
  prefixLists: { bad: ["sg-1"] },
  securityGroups: { bad: ["a,b,c,d,e", ""] },
  manageBackendRules: { bad: ["on"] },
  privateLink: { bad: ["true"] },
  withoutSecurityGroup: { bad: ["1"] },
  pathMtu: { bad: ["true"] },
  attributes: {
    bad: ["deletion_protection=true", "dns_record.client_routing_policy=zone", "access_logs.s3.enabled=true"],
  },
  crossZone: { bad: ["on"] },
  accessLog: { bad: ["true", "yes"] },
  accessLogBucket: { bad: ["UPPER", "a"] },
  accessLogPrefix: { bad: ["a,b", "a".repeat(513)] },
};

/** Keys that end in a port, and ours. */
const others: Readonly<Record<string, Row>> = {
  "target-group-attributes.443": { bad: ["proxy_protocol_v2.enabled=true"] },
  "target-group-attributes.80": { bad: ["load_balancing.cross_zone.enabled=maybe"] },
  "listener-attributes.TCP-80": { bad: ["tcp.idle_timeout.seconds=59", "idle=1"] },
  "listener-attributes.UDP-80": { bad: ["tcp.idle_timeout.seconds=60"] },
  "listener-attributes.TCP": { bad: ["tcp.idle_timeout.seconds=60"] },
  "berth.dev/drain-seconds": { bad: ["3601", "1m"] },
};

/** Known words that are not followed here, and words that nobody knows. */
const notFollowed: Readonly<Record<UnsupportedSuffix, string>> & Readonly<Record<string, string>> = {
  "source-nat-ipv6-prefixes": "1",
  "quic-enabled-ports": "1",
  "minimum-load-balancer-capacity": "1",
  "multi-cluster-target-group": "1",
  "extra-security-groups": "1",
  "access-log-emit-interval": "1",
  "connection-draining-enabled": "1",
  "connection-draining-timeout": "1",
  "connection-idle-timeout": "1",
  schema: "1",
  "service.beta.kubernetes.io/actions.tcp-80": "1",
};

const combinations: readonly Case[] = [
  { annotations: { scheme: "internal", internal: "false" } },
  { annotations: { scheme: "internet-facing" }, changes: { scheme: "internal" } },
  { annotations: { internal: "true" }, changes: { scheme: "internet-facing" } },
  { annotations: {}, changes: { families: ["IPv6"] } },
  { annotations: {}, changes: { ...dual, ports: [dnsUdp] } },
  { annotations: { "enable-prefix-for-ipv6-source-nat": "on" } },
  { annotations: {}, changes: { requestedAddresses: [ip("192.0.2.1")] } },
  { annotations: { "eip-allocations": "eipalloc-12345678" } },
  { annotations: { "private-ipv4-addresses": "10.0.0.1" }, changes: { scheme: "internet-facing" } },
  { annotations: { "ipv6-addresses": "2001:db8::1" } },
  { annotations: { subnets: "a,b", "private-ipv4-addresses": "10.0.0.1" } },
  { annotations: { "ssl-ports": "80", "alpn-policy": "None", "ssl-negotiation-policy": "ELBSecurityPolicy-2016-08" } },
  { annotations: { "ssl-cert": cert, "ssl-ports": "8443" } },
  { annotations: { "ssl-cert": cert, "ssl-ports": "dns-udp" }, changes: { ports: [http, dnsUdp] } },
  { annotations: { "ssl-cert": cert, "alpn-policy": "h2", "ssl-negotiation-policy": "TLS13" } },
  { annotations: { "backend-protocol": "ssl" } },
  { annotations: { "backend-protocol": "https", "ssl-cert": cert } },
  { annotations: { "ssl-cert": cert }, changes: { ports: [dns, dnsUdp] } },
  { annotations: {}, changes: { ports: [dns, { ...dnsUdp, nodePort: 30_054 }] } },
  { annotations: { "enable-tcp-udp-listener": "false" }, changes: { ports: [dns, { ...dnsUdp, name: "" }] } },
  { annotations: { "target-group-attributes": "preserve_client_ip.enabled=false" }, changes: { ports: [dnsUdp] } },
  {
    annotations: { "target-group-attributes.53": "preserve_client_ip.enabled=false" },
    changes: { ports: [dns, dnsUdp] },
  },
  {
    annotations: { ...tlsPorts, "target-group-attributes": "stickiness.enabled=true" },
    changes: { ports: [http, https] },
  },
  {
    annotations: tlsPorts,
    changes: { ports: [http, https], sessionAffinity: { kind: "ClientIP", timeoutSeconds: 1 } },
  },
  {
    annotations: {
      "berth.dev/drain-seconds": "1",
      "target-group-attributes": "deregistration_delay.timeout_seconds=2",
    },
  },
  { annotations: { "healthcheck-path": "/a", "healthcheck-success-codes": "200" } },
  { annotations: { "healthcheck-interval": "10", "healthcheck-timeout": "30" } },
  { annotations: { "disable-nlb-sg": "true", "security-groups": "a", "manage-backend-security-group-rules": "true" } },
  { annotations: { "disable-nlb-sg": "true" }, changes: ranges },
  { annotations: { "security-groups": "a", "security-group-prefix-lists": "pl-12345678" }, changes: ranges },
  { annotations: { "security-groups": "a", "berth.dev/source-ranges-ignored": "yes" }, changes: ranges },
  { annotations: {}, changes: { sourceRanges: [cidr("2001:db8::/32")] } },
  {
    annotations: { "cross-zone-load-balancing-enabled": "false", attributes: "load_balancing.cross_zone.enabled=true" },
  },
  { annotations: { "additional-resource-tags": Array.from({ length: 41 }, (_, i) => `k${i}=v`).join(",") } },
  { annotations: { "proxy-protocol": "*" }, changes: { externalTrafficPolicy: "Local" }, settings: { agents: false } },
  {
    annotations: {},
    changes: { ports: Array.from({ length: 52 }, (_, i) => port("TCP", i + 1, 30_001 + i, `p${i}`)) },
  },
  { annotations: { scheme: "public", "healthcheck-interval": "1", attributes: "a=b" } },
];

/** Each alone: its key, whole, and what is said. */
const alone: readonly (readonly [key: string, text: string, one: Case])[] = [
  ...(Object.entries(rows) as [KeyName, Row][]).map(([name, row]) => [keys[name], row] as const),
  ...Object.entries(others).map(([key, row]) => [key.includes("/") ? key : `${p}${key}`, row] as const),
].flatMap(([key, { bad, beside }]) =>
  bad.map((text) => [key, text, { annotations: { ...beside, [key.replace(p, "")]: text } }] as const),
);

const cases: readonly Case[] = [
  ...alone.map(([, , one]) => one),
  ...Object.entries(notFollowed).map(([key, text]): Case => ({ annotations: { [key]: text } })),
  ...combinations,
];

function issuesOf({ annotations, changes = {}, settings }: Case): readonly Issue[] {
  const full = Object.entries(annotations).map(([key, text]) => [key.includes("/") ? key : `${p}${key}`, text]);
  const lb = desiredLb({ annotations: Object.fromEntries(full), ...changes });
  return nlbSpec(lb, { region: "eu-west-1", agents: true, ...settings }).issues;
}

/** What is given, then each issue on a line of its own. */
function told(one: Case): string {
  const { annotations, changes = {} } = one;
  const lines = issuesOf(one).map(({ path, port, severity, reason, message }) => {
    const where = port === undefined ? path : `${path} (${port.protocol} ${port.port})`;
    return `  ${severity} ${reason}: ${where}: ${message}`.replaceAll(p, "~");
  });
  const given = JSON.stringify({ ...annotations, ...changes }, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  return [given.slice(0, 200), ...lines].join("\n");
}

it("has an issue for whatever is wrong, with the key, the value and what may be given", async () => {
  for (const one of cases) expect(told(one)).toContain("\n");
  await expect(`${cases.map(told).join("\n\n")}\n`).toMatchFileSnapshot("testdata/wrong.txt");
});

it.each(alone)("%s: %j is told with its key, itself and what may be given", (key, text, one) => {
  const own = issuesOf(one).filter(({ path }) => path === `metadata.annotations[${key}]`);
  const shown = text.length > 120 ? `"${text.slice(0, 120)}...": ` : `${JSON.stringify(text)}: `;
  expect(own.map(({ severity, reason }) => `${severity} ${reason}`)).toContain("refuse InvalidAnnotation");
  for (const { message } of own) expect(message).toMatch(/(?:give|remove|set|shorten|take|are|end the key with) /);
  for (const { message } of own) expect(message.slice(0, shown.length)).toBe(shown);
});
