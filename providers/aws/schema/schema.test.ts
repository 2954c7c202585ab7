import fc from "fast-check";
import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { cidr, desiredLb } from "../testing/values.ts";
import { type NlbSpec, nlbSpec } from "./index.ts";
import { keys } from "./keys.ts";

const p = "service.beta.kubernetes.io/aws-load-balancer-";
const settings = { region: "eu-west-1", agents: true };
const cert = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-1111-1111-1111-111111111111";

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

it("asks for an internal load balancer that the nodes' own health decides about, where nothing is said", () => {
  expect(read({})).toMatchInlineSnapshot(`
    {
      "issues": [],
      "spec": {
        "addresses": {
          "eipAllocations": [],
          "ipv6": [],
          "privateIpv4": [],
        },
        "attributes": {
          "access_logs.s3.bucket": "",
          "access_logs.s3.enabled": "false",
          "access_logs.s3.prefix": "",
          "deletion_protection.enabled": "false",
          "dns_record.client_routing_policy": "any_availability_zone",
          "load_balancing.cross_zone.enabled": "false",
          "zonal_shift.config.enabled": "false",
        },
        "ipAddressType": "ipv4",
        "listeners": [
          {
            "attributes": {
              "tcp.idle_timeout.seconds": "350",
            },
            "port": 80,
            "protocol": "TCP",
            "targetGroup": {
              "attributes": {
                "deregistration_delay.connection_termination.enabled": "false",
                "deregistration_delay.timeout_seconds": "300",
                "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
                "preserve_client_ip.enabled": "true",
                "proxy_protocol_v2.enabled": "false",
                "stickiness.enabled": "false",
                "stickiness.type": "source_ip",
                "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
                "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
                "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
                "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
                "target_health_state.unhealthy.connection_termination.enabled": "true",
                "target_health_state.unhealthy.draining_interval_seconds": "0",
              },
              "healthCheck": {
                "healthyThreshold": 2,
                "http": {
                  "codes": "200-399",
                  "path": "/healthz",
                },
                "intervalSeconds": 10,
                "port": 10256,
                "protocol": "HTTP",
                "timeoutSeconds": 6,
                "unhealthyThreshold": 2,
              },
              "nodePort": 30080,
              "protocol": "TCP",
            },
            "tls": undefined,
          },
        ],
        "name": undefined,
        "scheme": "internal",
        "securityGroups": {
          "kind": "managed",
          "opensNodes": true,
          "pathMtu": false,
          "prefixLists": [],
          "privateLink": undefined,
          "sources": [
            "0.0.0.0/0",
          ],
        },
        "sourceNat": false,
        "subnets": [],
        "tags": {},
      },
    }
  `);
});

it.each<[string, Annotations, Partial<NlbSpec>, Changes?]>([
  ["ours: a scheme", {}, { scheme: "internet-facing" }, { scheme: "internet-facing" }],
  ["a scheme", { scheme: "internet-facing" }, { scheme: "internet-facing" }],
  ["a scheme, as ours says", { scheme: "internal" }, { scheme: "internal" }, { scheme: "internal" }],
  ["the older word for internal", { internal: "true" }, { scheme: "internal" }],
  ["the older word for internet-facing", { internal: "false" }, { scheme: "internet-facing" }],
  ["a name", { name: "My-lb-1" }, { name: "My-lb-1" }],
  ["both families, by key", { "ip-address-type": "dualstack" }, { ipAddressType: "dualstack" }],
  ["both families, by the Service", {}, { ipAddressType: "dualstack" }, { families: ["IPv6", "IPv4"] }],
  [
    "one family, whatever the Service has",
    { "ip-address-type": "ipv4" },
    { ipAddressType: "ipv4" },
    { families: ["IPv4", "IPv6"] },
  ],
  ["source NAT", { "ip-address-type": "dualstack", "enable-prefix-for-ipv6-source-nat": "on" }, { sourceNat: true }],
  ["subnets", { subnets: "subnet-1, my subnet" }, { subnets: ["subnet-1", "my subnet"] }],
  [
    "elastic addresses",
    { scheme: "internet-facing", "eip-allocations": "eipalloc-0123456789abcdef0,eipalloc-12345678" },
    { addresses: { eipAllocations: ["eipalloc-0123456789abcdef0", "eipalloc-12345678"], privateIpv4: [], ipv6: [] } },
  ],
  [
    "private addresses",
    { "private-ipv4-addresses": "10.0.0.10" },
    { addresses: { eipAllocations: [], privateIpv4: ["10.0.0.10"], ipv6: [] } },
  ],
  [
    "IPv6 addresses",
    { "ip-address-type": "dualstack", "ipv6-addresses": "2001:db8::a" },
    { addresses: { eipAllocations: [], privateIpv4: [], ipv6: ["2001:db8::a"] } },
  ],
  [
    "tags",
    { "additional-resource-tags": "team=a b,cost=1=2,empty=" },
    { tags: { team: "a b", cost: "1=2", empty: "" } },
  ],
  ["no security group", { "disable-nlb-sg": "true" }, { securityGroups: { kind: "none" } }],
  [
    "no security group and ranges that are known to be ignored",
    { "disable-nlb-sg": "true", "berth.dev/source-ranges-ignored": "true" },
    { securityGroups: { kind: "none" } },
    { sourceRanges: [cidr("192.0.2.0/24")] },
  ],
  [
    "security groups of one's own",
    { "security-groups": "sg-1,web" },
    { securityGroups: { kind: "given", groups: ["sg-1", "web"], opensNodes: false, privateLink: undefined } },
  ],
  [
    "security groups of one's own that Berth opens the nodes for",
    {
      "security-groups": "sg-1",
      "manage-backend-security-group-rules": "true",
      "inbound-sg-rules-on-private-link-traffic": "off",
    },
    { securityGroups: { kind: "given", groups: ["sg-1"], opensNodes: true, privateLink: false } },
  ],
  [
    "source ranges",
    {},
    { securityGroups: managed({ sources: ["192.0.2.0/24", "198.51.100.0/24"] }) },
    { sourceRanges: [cidr("198.51.100.0/24"), cidr("192.0.2.0/24"), cidr("198.51.100.9/24")] },
  ],
  [
    "everybody of both families",
    { "ip-address-type": "dualstack" },
    { securityGroups: managed({ sources: ["0.0.0.0/0", "::/0"] }) },
  ],
  [
    "prefix lists alone",
    { "security-group-prefix-lists": "pl-12345678" },
    { securityGroups: managed({ sources: [], prefixLists: ["pl-12345678"] }) },
  ],
  [
    "a managed security group with all the rest",
    {
      "enable-icmp-for-path-mtu-discovery": "on",
      "manage-backend-security-group-rules": "false",
      "inbound-sg-rules-on-private-link-traffic": "on",
    },
    { securityGroups: managed({ pathMtu: true, opensNodes: false, privateLink: true }) },
  ],
])("reads %s", (_, annotations, expected, changes) => {
  const { spec, issues } = read(annotations, changes);
  expect({ spec, issues }).toEqual({ spec: { ...spec, ...expected }, issues: [] });
});

function managed(changes: object): NlbSpec["securityGroups"] {
  const plain = { kind: "managed", sources: ["0.0.0.0/0"], prefixLists: [], pathMtu: false } as const;
  return { ...plain, opensNodes: true, privateLink: undefined, ...changes };
}

it.each<[string, Annotations, Annotations]>([
  ["nothing", {}, {}],
  ["some", { attributes: "deletion_protection.enabled=true" }, { "deletion_protection.enabled": "true" }],
  [
    "cross-zone by its own key",
    { "cross-zone-load-balancing-enabled": "true" },
    { "load_balancing.cross_zone.enabled": "true" },
  ],
  [
    "both ways alike",
    { "cross-zone-load-balancing-enabled": "true", attributes: "load_balancing.cross_zone.enabled=true" },
    { "load_balancing.cross_zone.enabled": "true" },
  ],
  [
    "access logs by their own keys",
    { "access-log-enabled": "true", "access-log-s3-bucket-name": "logs", "access-log-s3-bucket-prefix": "a/b" },
    { "access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs", "access_logs.s3.prefix": "a/b" },
  ],
])("has every attribute of the load balancer, AWS' default where nobody sets it: %s", (_, annotations, changed) => {
  const { spec, issues } = read(annotations);
  expect(issues).toEqual([]);
  expect(spec.attributes).toEqual({
    "access_logs.s3.bucket": "",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "load_balancing.cross_zone.enabled": "false",
    "zonal_shift.config.enabled": "false",
    ...changed,
  });
});

it("never fails, whatever the texts are, and the spec of what has no issue is whole", () => {
  const all = [...Object.values(keys), `${keys.targetGroupAttributes}.80`, `${p}listener-attributes.TCP-80`];
  const text = fc.oneof(fc.string(), fc.constantFrom("true", "*", "a=b", "1", "ip", "internal", "on", cert, ",", "="));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...all), text), (annotations) => {
      const { spec, issues } = nlbSpec(desiredLb({ annotations }), settings);
      if (issues.length === 0) expect(spec.listeners).toHaveLength(1);
      for (const { path, message } of issues) expect([path, message]).not.toContain("");
    }),
  );
});
