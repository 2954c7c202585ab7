import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { desiredLb, port } from "../testing/values.ts";
import { nlbSpec } from "./index.ts";

const p = "service.beta.kubernetes.io/aws-load-balancer-";
const settings = { region: "eu-west-1", agents: true };
const cert = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-1111-1111-1111-111111111111";
const iamCert = "arn:aws:iam::123456789012:server-certificate/old/one";

const http = port("TCP", 80, 30_080, "http");
const https = port("TCP", 443, 30_443, "https");
const dns = port("TCP", 53, 30_053, "dns");
const dnsUdp = port("UDP", 53, 30_053, "dns-udp");
const local = {
  externalTrafficPolicy: "Local",
  healthCheck: { protocol: "HTTP", port: 32_000, path: "/healthz" },
} as const;
const sticky = { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10 } } as const;

type Annotations = Readonly<Record<string, string>>;
type Changes = Partial<DesiredLoadBalancer>;

/** Keys without a dot in their group are those of AWS. */
function full(annotations: Annotations): Annotations {
  return Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [key.includes("/") ? key : `${p}${key}`, value]),
  );
}

function read(annotations: Annotations, changes: Changes = {}): ReturnType<typeof nlbSpec> {
  return nlbSpec(desiredLb({ annotations: full(annotations), ...changes }), settings);
}

/** `port protocol>target protocol:nodePort`, with certificates. */
function listenersOf(annotations: Annotations, changes: Changes): string {
  return read(annotations, changes)
    .spec.listeners.map(({ port, protocol, tls, targetGroup }) => {
      const certificates = tls === undefined ? "" : ` ${tls.policy} ${tls.alpn} ${tls.certificates.length}`;
      return `${port} ${protocol}>${targetGroup.protocol}:${targetGroup.nodePort}${certificates}`;
    })
    .join(", ");
}

const policy = "ELBSecurityPolicy-TLS13-1-2-2021-06";

it.each<[string, Annotations, Changes, string]>([
  ["by number", {}, { ports: [https, http] }, "80 TCP>TCP:30080, 443 TCP>TCP:30443"],
  ["UDP", {}, { ports: [dnsUdp] }, "53 UDP>UDP:30053"],
  ["TCP and UDP of one number and node port as one", {}, { ports: [dns, dnsUdp] }, "53 TCP_UDP>TCP_UDP:30053"],
  ["the same, asked for", { "enable-tcp-udp-listener": "true" }, { ports: [dnsUdp, dns] }, "53 TCP_UDP>TCP_UDP:30053"],
  [
    "TLS on every TCP port",
    { "ssl-cert": cert },
    { ports: [http, dnsUdp] },
    `53 UDP>UDP:30053, 80 TLS>TCP:30080 ${policy} None 1`,
  ],
  [
    "TLS on a port by name",
    { "ssl-cert": cert, "ssl-ports": "https" },
    { ports: [http, https] },
    `80 TCP>TCP:30080, 443 TLS>TCP:30443 ${policy} None 1`,
  ],
  [
    "TLS on a port by number",
    { "ssl-cert": cert, "ssl-ports": "443" },
    { ports: [http, https] },
    `80 TCP>TCP:30080, 443 TLS>TCP:30443 ${policy} None 1`,
  ],
  ["TLS on all", { "ssl-cert": cert, "ssl-ports": "*" }, { ports: [https] }, `443 TLS>TCP:30443 ${policy} None 1`],
  [
    "TLS to the nodes too",
    {
      "ssl-cert": `${cert},${iamCert}`,
      "backend-protocol": "ssl",
      "alpn-policy": "HTTP2Preferred",
      "ssl-negotiation-policy": "ELBSecurityPolicy-2016-08",
    },
    { ports: [https] },
    "443 TLS>TLS:30443 ELBSecurityPolicy-2016-08 HTTP2Preferred 2",
  ],
])("makes listeners: %s", (_, annotations, changes, expected) => {
  expect(read(annotations, changes).issues).toEqual([]);
  expect(listenersOf(annotations, changes)).toBe(expected);
});

it("sets attributes of a listener", () => {
  const { spec, issues } = read(
    { "listener-attributes.TCP-80": "tcp.idle_timeout.seconds=400" },
    { ports: [http, https] },
  );
  expect([issues, spec.listeners.map(({ attributes }) => attributes)]).toEqual([
    [],
    [{ "tcp.idle_timeout.seconds": "400" }, { "tcp.idle_timeout.seconds": "350" }],
  ]);
});

/** What differs from a target group of which nothing is said. */
function changedAttributes(annotations: Annotations, changes: Changes = {}): readonly object[] {
  const plain = read({}, { ...changes, sessionAffinity: { kind: "None" } }).spec.listeners;
  return read(annotations, changes).spec.listeners.map(({ targetGroup }, i) =>
    Object.fromEntries(
      Object.entries(targetGroup.attributes).filter(
        ([name, value]) => plain[i]?.targetGroup.attributes[name] !== value,
      ),
    ),
  );
}

const two = { ports: [http, https] };
const proxyOn = { "proxy_protocol_v2.enabled": "true" };
const delay = "deregistration_delay.timeout_seconds";

it.each<[string, Annotations, Changes, readonly object[]]>([
  ["ours: draining", { "berth.dev/drain-seconds": "20" }, {}, [{ [delay]: "20" }]],
  [
    "draining, twice the same",
    { "berth.dev/drain-seconds": "20", "target-group-attributes": `${delay}=20` },
    {},
    [{ [delay]: "20" }],
  ],
  ["session affinity", {}, sticky, [{ "stickiness.enabled": "true" }]],
  [
    "some",
    { "target-group-attributes": "preserve_client_ip.enabled=false" },
    {},
    [{ "preserve_client_ip.enabled": "false" }],
  ],
  [
    "another one for a port",
    { "target-group-attributes": `${delay}=10`, "target-group-attributes.443": `${delay}=20` },
    two,
    [{ [delay]: "10" }, { [delay]: "20" }],
  ],
  [
    "an empty one for a port leaves what all have",
    { "target-group-attributes": `${delay}=10`, "target-group-attributes.443": `${delay}=` },
    two,
    [{ [delay]: "10" }, { [delay]: "10" }],
  ],
  ["PROXY protocol everywhere", { "proxy-protocol": "*" }, two, [proxyOn, proxyOn]],
  ["PROXY protocol on some", { "proxy-protocol-per-target-group": "443" }, two, [{}, proxyOn]],
  [
    "PROXY protocol on some takes it from the others",
    { "proxy-protocol-per-target-group": "https", "target-group-attributes": "proxy_protocol_v2.enabled=true" },
    two,
    [{}, proxyOn],
  ],
  [
    "PROXY protocol everywhere wins",
    { "proxy-protocol": "*", "proxy-protocol-per-target-group": "443" },
    two,
    [proxyOn, proxyOn],
  ],
  ["PROXY protocol by attribute", { "target-group-attributes": "proxy_protocol_v2.enabled=true" }, {}, [proxyOn]],
])("sets attributes of target groups: %s", (_, annotations, changes, expected) => {
  expect(read(annotations, changes).issues).toEqual([]);
  expect(changedAttributes(annotations, changes)).toEqual(expected);
});

it("closes the flows of UDP at the end of draining, as AWS does by default", () => {
  const name = "deregistration_delay.connection_termination.enabled";
  const { listeners } = read({}, { ports: [http, dnsUdp] }).spec;
  expect(listeners.map(({ targetGroup }) => targetGroup.attributes[name])).toEqual(["true", "false"]);
});

function healthOf(annotations: Annotations, changes: Changes = {}, own = settings): string {
  const lb = desiredLb({ annotations: full(annotations), ...changes });
  const [listener] = nlbSpec(lb, own).spec.listeners;
  const { protocol, port, http, intervalSeconds, timeoutSeconds, healthyThreshold, unhealthyThreshold } =
    listener!.targetGroup.healthCheck;
  const where = http === undefined ? `${port}` : `${port}${http.path} ${http.codes}`;
  return `${protocol} ${where} ${intervalSeconds}/${timeoutSeconds}/${healthyThreshold}/${unhealthyThreshold}`;
}

const elsewhere = { region: "eu-west-1", agents: false };

it.each<[string, Annotations, Changes, string, typeof settings?]>([
  ["of the node", {}, {}, "HTTP 10256/healthz 200-399 10/6/2/2"],
  ["of the node's endpoints", {}, local, "HTTP 32000/healthz 200-399 10/6/2/2"],
  ["with another interval", { "healthcheck-interval": "30" }, {}, "HTTP 10256/healthz 200-399 30/6/2/2"],
  ["that is quick", { "healthcheck-interval": "5" }, {}, "HTTP 10256/healthz 200-399 5/5/2/2"],
  [
    "with all timing",
    {
      "healthcheck-interval": "300",
      "healthcheck-timeout": "120",
      "healthcheck-healthy-threshold": "10",
      "healthcheck-unhealthy-threshold": "3",
    },
    {},
    "HTTP 10256/healthz 200-399 300/120/10/3",
  ],
  ["by TCP", { "healthcheck-protocol": "tcp" }, {}, "TCP traffic-port 10/10/3/3"],
  ["by HTTP", { "healthcheck-protocol": "http" }, {}, "HTTP traffic-port/ 200-399 10/10/3/3"],
  [
    "by HTTPS with all",
    {
      "healthcheck-protocol": "https",
      "healthcheck-port": "8443",
      "healthcheck-path": "/ok",
      "healthcheck-success-codes": "200,301-302",
    },
    {},
    "HTTPS 8443/ok 200,301-302 10/10/3/3",
  ],
  ["on a port by name", { "healthcheck-port": "http" }, {}, "TCP 30080 10/10/3/3"],
  ["on the traffic port", { "healthcheck-port": "traffic-port" }, {}, "TCP traffic-port 10/10/3/3"],
  ["by TCP though Local", { "healthcheck-protocol": "tcp" }, local, "TCP 32000 10/6/2/2"],
  ["on a port though Local", { "healthcheck-port": "8080" }, local, "HTTP 8080/healthz 200-399 10/6/2/2"],
  ["behind the PROXY protocol", { "proxy-protocol": "*" }, {}, "HTTP 10256/healthz 200-399 10/6/2/2"],
  [
    "behind the PROXY protocol without our agents",
    { "proxy-protocol": "*" },
    {},
    "TCP traffic-port 10/10/3/3",
    elsewhere,
  ],
  ["without our agents", {}, local, "HTTP 32000/healthz 200-399 10/6/2/2", elsewhere],
])("checks the health %s", (_, annotations, changes, expected, own) => {
  expect(read(annotations, changes).issues).toEqual([]);
  expect(healthOf(annotations, changes, own)).toBe(expected);
});
