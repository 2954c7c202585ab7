import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { cidr, desiredLb, ip, port } from "../testing/values.ts";
import { nlbSpec, type SchemaSettings } from "./index.ts";

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

/** Whatever has text values only, each wrong alone. */
const values: readonly (readonly [key: string, ...texts: readonly string[]])[] = [
  ["type", "clb", "nlb-ip"],
  ["nlb-target-type", "ip", "pod"],
  ["name", "", "a b", "-a", "a-", "internal-a", "a".repeat(33)],
  ["scheme", "public"],
  ["internal", "yes", "0.0.0.0/0"],
  ["ip-address-type", "ipv6"],
  ["enable-prefix-for-ipv6-source-nat", "true"],
  ["subnets", "", "a,", "a,a"],
  ["eip-allocations", "1.2.3.4"],
  ["private-ipv4-addresses", "10.0.0.256", "::1"],
  ["ipv6-addresses", "10.0.0.1"],
  [
    "additional-resource-tags",
    "a",
    "=b",
    "a=1,a=2",
    "aws:a=b",
    "berth.dev/cluster=x",
    "Kubernetes.io/a=b",
    "elbv2.k8s.aws/a=b",
    "a=b*c",
  ],
  ["additional-resource-tags", Array.from({ length: 3 }, (_, i) => `${"k".repeat(99)}${i}=v`).join(",")],
  [
    "ssl-cert",
    "my-cert",
    `${cert},`,
    cert.replace("eu-west-1", "us-east-1"),
    Array.from({ length: 26 }, (_, i) => `${cert}${i}`).join(","),
  ],
  [
    "target-group-attributes",
    "a=b",
    "deregistration_delay.timeout_seconds=3601",
    "proxy_protocol_v2.enabled=on",
    "stickiness.type=cookie",
  ],
  ["target-group-attributes.443", "proxy_protocol_v2.enabled=true"],
  ["target-group-attributes.80", "load_balancing.cross_zone.enabled=maybe"],
  ["proxy-protocol", "true"],
  ["proxy-protocol-per-target-group", "81"],
  ["healthcheck-protocol", "HTTP"],
  ["healthcheck-port", "0", "70000", "nope"],
  ["healthcheck-path", "healthz"],
  ["healthcheck-interval", "4", "301", "10s"],
  ["healthcheck-timeout", "1", "121", "11"],
  ["healthcheck-healthy-threshold", "1"],
  ["healthcheck-unhealthy-threshold", "11"],
  ["healthcheck-success-codes", "100", "200-"],
  ["security-group-prefix-lists", "sg-1"],
  ["security-groups", "a,b,c,d,e"],
  ["manage-backend-security-group-rules", "on"],
  ["inbound-sg-rules-on-private-link-traffic", "true"],
  ["disable-nlb-sg", "1"],
  ["enable-icmp-for-path-mtu-discovery", "true"],
  ["attributes", "deletion_protection=true", "dns_record.client_routing_policy=zone", "access_logs.s3.enabled=true"],
  ["cross-zone-load-balancing-enabled", "on"],
  ["access-log-enabled", "true"],
  ["access-log-s3-bucket-name", "UPPER"],
  ["enable-tcp-udp-listener", "on"],
  ["listener-attributes.TCP-80", "tcp.idle_timeout.seconds=59", "idle=1"],
  ["listener-attributes.UDP-80", "tcp.idle_timeout.seconds=60"],
  ["listener-attributes.TCP", "tcp.idle_timeout.seconds=60"],
  ["berth.dev/drain-seconds", "3601", "1m"],
];

/** Known words that are not followed here, and words that nobody knows. */
const notFollowed = [
  "source-nat-ipv6-prefixes",
  "quic-enabled-ports",
  "minimum-load-balancer-capacity",
  "multi-cluster-target-group",
  "extra-security-groups",
  "access-log-emit-interval",
  "connection-draining-enabled",
  "connection-draining-timeout",
  "connection-idle-timeout",
  "schema",
  "service.beta.kubernetes.io/actions.tcp-80",
];

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

const cases: readonly Case[] = [
  ...values.flatMap(([key, ...texts]) => texts.map((text): Case => ({ annotations: { [key]: text } }))),
  ...notFollowed.map((key): Case => ({ annotations: { [key]: "1" } })),
  ...combinations,
];

/** What is given, then each issue on a line of its own. */
function told({ annotations, changes = {}, settings }: Case): string {
  const full = Object.entries(annotations).map(([key, text]) => [key.includes("/") ? key : `${p}${key}`, text]);
  const lb = desiredLb({ annotations: Object.fromEntries(full), ...changes });
  const { issues } = nlbSpec(lb, { region: "eu-west-1", agents: true, ...settings });
  const lines = issues.map(({ path, port, severity, reason, message }) => {
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
