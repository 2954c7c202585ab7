import { expect, it } from "vitest";
import { parseCidr } from "../../net/index.ts";
import { parseFlags } from "./testing/command-line.ts";

const cidr = (text: string) => parseCidr(text)!;

it.each<[string, string[], object, object?]>([
  ["a flag alone is true", ["--masquerade-all"], { "iptables.masqueradeAll": true }],
  ["a flag with =", ["--masquerade-all=false"], { "iptables.masqueradeAll": false }],
  [
    "a flag before another",
    ["--masquerade-all", "--v", "2"],
    { "iptables.masqueradeAll": true, "logging.verbosity": 2 },
  ],
  ["-v N", ["-v", "4"], { "logging.verbosity": 4 }],
  ["-v=N", ["-v=4"], { "logging.verbosity": 4 }],
  ["-vN", ["-v4"], { "logging.verbosity": 4 }],
  ["--v=N", ["--v=4"], { "logging.verbosity": 4 }],
  [
    "underscores",
    ["--masquerade_all=true", "--hostname_override=a_b"],
    { "iptables.masqueradeAll": true, hostnameOverride: "a_b" },
  ],
  ["the last of two", ["--oom-score-adj=1", "--oom-score-adj=2"], { oomScoreAdj: 2 }],
  [
    "lists that add up",
    ["--nodeport-addresses=10.0.0.0/8", "--nodeport-addresses", "fd00::/8,all"],
    { nodePortAddresses: ["10.0.0.0/8", "fd00::/8", "all"] },
  ],
  [
    "maps that add up",
    ["--feature-gates=A=true", "--feature-gates=A=false,B=true"],
    { featureGates: { A: false, B: true } },
  ],
  [
    "two cluster prefixes",
    ["--cluster-cidr=10.0.0.0/8", "--cluster-cidr=fd00::/8"],
    { clusterCIDR: ["10.0.0.0/8", "fd00::/8"] },
  ],
  [
    "all external addresses",
    ["--allow-external-ips=all"],
    {},
    { "allow-external-ips": [cidr("0.0.0.0/0"), cidr("::/0")] },
  ],
  ["no external addresses", ["--allow-external-ips=none"], {}, { "allow-external-ips": [] }],
  [
    "some external addresses",
    ["--allow-external-ips=203.0.113.0/24,2001:db8::/32"],
    {},
    { "allow-external-ips": [cidr("203.0.113.0/24"), cidr("2001:db8::/32")] },
  ],
  [
    "reserved ports",
    ["--reserved-ports=22,100-200"],
    {},
    {
      "reserved-ports": [
        { first: 22, last: 22 },
        { first: 100, last: 200 },
      ],
    },
  ],
  ["no reserved ports", ["--reserved-ports="], {}, { "reserved-ports": [] }],
  [
    "the flags of a start",
    ["--force", "--init-only", "--cleanup=false", "--enforce-jump-order"],
    {},
    { force: true, "init-only": true, cleanup: false, "enforce-jump-order": true },
  ],
  [
    "texts",
    ["--master=https://h", "--node-name=n", "--config=f", "--write-config-to=g"],
    {},
    { master: "https://h", "node-name": "n", config: "f", "write-config-to": "g" },
  ],
  ["old ports", ["--healthz-port=0", "--metrics-port", "1"], {}, { "healthz-port": 0, "metrics-port": 1 }],
  ["log flags", ["--log-level=warn", "--log-format=text"], {}, { "log-level": "warn", "log-format": "text" }],
  ["time-outs", ["--api-server-timeout=1m"], {}, { "api-server-timeout": 60_000 }],
  ["the version", ["--version"], {}, { version: "true" }],
  ["the version in full", ["--version=raw"], {}, { version: "raw" }],
  ["no version", ["--version=false"], {}, { version: "false" }],
])("takes %s", (_, args, fields, switches = {}) => {
  expect(parseFlags(...args)).toEqual({ fields, switches });
});

it.each<[string, string]>([
  [
    "--allow-external-ips=some",
    '--allow-external-ips: "some" is no all|none|prefixes; give all, none, or prefixes with',
  ],
  ["--reserved-ports=0", '--reserved-ports: "0" is no ranges; give FIRST-LAST or PORT'],
  ["--log-level=trace", '--log-level: "trace" is no level; give one of error, warn, info, debug'],
  ["--log-format=xml", '--log-format: "xml" is no format; give json or text'],
  ["--version=2", '--version: "2" is no true|raw; give nothing, true, false or raw'],
  ["--masquerade-al", "unknown option '--masquerade-al'"],
])("refuses %s", (arg, message) => {
  expect(() => parseFlags(arg)).toThrow(message);
});
