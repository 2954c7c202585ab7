import { expect, it } from "vitest";
import { type Case, casesText, http, https, wish } from "../testing/cases.ts";
import type { Wish } from "../testing/drive.ts";
import { cidr, port } from "../testing/values.ts";

const cert = (name: string): string => `arn:aws:acm:eu-west-1:123456789012:certificate/${name}`;
const tls = { "ssl-cert": cert("a") };
const dns = port("TCP", 53, 30_053, "dns");
const dnsUdp = port("UDP", 53, 30_053, "dns-udp");
const plain = wish();

/** Wishes that are made from nothing, come from a plain one and go back to it. */
const variants: readonly (readonly [name: string, Wish])[] = [
  ["internet-facing", wish({ scheme: "internet-facing" })],
  ["a name", wish({ name: "mine" })],
  ["both families", wish({ "ip-address-type": "dualstack" })],
  ["one subnet", wish({ subnets: "subnet-internal-a" })],
  ["subnets in other places", wish({ subnets: "subnet-public-a,subnet-public-b" })],
  ["private addresses", wish({ subnets: "subnet-internal-a", "private-ipv4-addresses": "10.0.0.9" })],
  ["elastic addresses", wish({ scheme: "internet-facing", "eip-allocations": "eipalloc-11111111,eipalloc-22222222" })],
  ["tags", wish({ "additional-resource-tags": "team=a" })],
  ["two ports", wish({}, { ports: [http, https] })],
  ["another port", wish({}, { ports: [https] })],
  ["another node port", wish({}, { ports: [{ ...http, nodePort: 30_081 }] })],
  ["UDP on the same number", wish({}, { ports: [{ ...http, protocol: "UDP" }] })],
  ["TCP and UDP", wish({}, { ports: [http, { ...http, protocol: "UDP", name: "u" }] })],
  ["DNS", wish({}, { ports: [dns, dnsUdp] })],
  ["TLS", wish(tls)],
  ["TLS to the nodes", wish({ ...tls, "backend-protocol": "ssl" })],
  ["three certificates", wish({ "ssl-cert": ["a", "b", "c"].map(cert).join(",") })],
  [
    "ALPN and a policy",
    wish({ ...tls, "alpn-policy": "HTTP2Only", "ssl-negotiation-policy": "ELBSecurityPolicy-2016-08" }),
  ],
  ["an idle time", wish({ "listener-attributes.TCP-80": "tcp.idle_timeout.seconds=60" })],
  [
    "cross-zone and protection from deletion",
    wish({ attributes: "load_balancing.cross_zone.enabled=true,deletion_protection.enabled=true" }),
  ],
  ["attributes of target groups", wish({ "target-group-attributes": "preserve_client_ip.enabled=false" })],
  ["the PROXY protocol", wish({ "proxy-protocol": "*" })],
  ["stickiness", wish({}, { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 1 } })],
  ["quick draining", wish({ "berth.dev/drain-seconds": "0" })],
  ["health by TCP", wish({ "healthcheck-protocol": "tcp" })],
  ["health more seldom", wish({ "healthcheck-interval": "30" })],
  [
    "health of endpoints",
    wish({}, { externalTrafficPolicy: "Local", healthCheck: { protocol: "HTTP", port: 32_000, path: "/healthz" } }),
  ],
  ["health on a port outside the range", wish({ "healthcheck-port": "9000", "healthcheck-protocol": "http" })],
  ["source ranges", wish({}, { sourceRanges: [cidr("192.0.2.0/24"), cidr("198.51.100.0/24")] })],
  ["prefix lists", wish({ "security-group-prefix-lists": "pl-12345678" })],
  ["path MTU", wish({ "enable-icmp-for-path-mtu-discovery": "on" })],
  ["given groups", wish({ "security-groups": "web" })],
  ["given groups and open nodes", wish({ "security-groups": "web", "manage-backend-security-group-rules": "true" })],
  ["no group", wish({ "disable-nlb-sg": "true" })],
  [
    "no group and no client addresses",
    wish({ "disable-nlb-sg": "true", "target-group-attributes": "preserve_client_ip.enabled=false" }),
  ],
  ["closed nodes", wish({ "manage-backend-security-group-rules": "false" })],
  ["no checks for private links", wish({ "inbound-sg-rules-on-private-link-traffic": "off" })],
  ["no nodes", wish({}, {}, [])],
];

/** Of which the first plans are worth seeing too. */
const fromNothing = ["three certificates", "private addresses", "no group", "given groups", "DNS", "both families"];

const cases: readonly Case[] = [
  { name: "plain, from nothing", from: undefined, to: plain },
  ...variants.flatMap(([name, to]): Case[] => [
    ...(fromNothing.includes(name) ? [{ name: `${name}, from nothing`, from: undefined, to }] : []),
    { name: `from plain to ${name}`, from: plain, to },
    { name: `from ${name} to plain`, from: to, to: plain },
  ]),
];

it("comes from one wish to another by these plans", async () => {
  await expect(await casesText(cases)).toMatchFileSnapshot("testdata/changes.txt");
});
