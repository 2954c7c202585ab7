// The configuration of `berth agent` beside that of the real kube-proxy: the same flags and files come to the same, but
// for the three defaults that differ on purpose, and what one refuses the other does.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parse } from "yaml";
import { readConfigFile } from "../src/cli/agent/config-file.ts";
import { resolve } from "../src/cli/agent/configuration.ts";
import { encode } from "../src/cli/agent/document.ts";
import { parseFlags } from "../src/cli/agent/testing/command-line.ts";
import { kubeProxyPath } from "./kube-binaries/kube-proxy.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-configuration-"));
const file = join(directory, "config.conf");
const written = join(directory, "written");

afterAll(() => rmSync(directory, { recursive: true }));

type Outcome = { readonly [field: string]: unknown } | "refused";

async function ours(args: readonly string[]): Promise<Outcome> {
  try {
    const given = parseFlags(...args);
    const { config } = given.switches;
    return encode(resolve(given, config === undefined ? undefined : await readConfigFile(config)).values);
  } catch {
    return "refused";
  }
}

function theirs(args: readonly string[]): Outcome {
  rmSync(written, { force: true });
  const { status } = spawnSync(kubeProxyPath, [...args, `--write-config-to=${written}`]);
  return status === 0 ? (parse(readFileSync(written, "utf8")) as Outcome) : "refused";
}

/** Where nobody said anything we differ on purpose (docs/agent-flags.md); where somebody did, not. */
const ownDefaults = ["--iptables-localhost-nodeports=true", "--iptables-min-sync-period=1s"];

it.each<[string, string[]]>([
  ["nothing", []],
  ["bool flags", ["--masquerade-all", "--bind-address-hard-fail=false", "--conntrack-tcp-be-liberal=T"]],
  ["durations", ["--iptables-sync-period=1h30m", "--conntrack-udp-timeout=1500ms", "--config-sync-period=0.5m"]],
  ["no time at all", ["--conntrack-tcp-timeout-established=0", "--iptables-min-sync-period=0"]],
  ["numbers", ["--oom-score-adj=-0x10", "--conntrack-min=0", "--kube-api-qps=1e3", "--iptables-masquerade-bit=31"]],
  ["addresses", ["--bind-address=fd00::1", "--healthz-bind-address=", "--metrics-bind-address=[::]:1"]],
  [
    "prefixes",
    ["--cluster-cidr=10.0.0.0/8,fd00::/8", "--nodeport-addresses=10.0.0.0/8", "--nodeport-addresses=fd00::/8"],
  ],
  ["keywords", ["--nodeport-addresses=localhost,all"]],
  ["detectors", ["--detect-local-mode=BridgeInterface", "--pod-bridge-interface=cni0"]],
  ["a name in capitals", ["--hostname-override= Node-A "]],
  ["underscores", ["--masquerade_all"]],
  ["verbosity", ["-v=5", "--logging-format=json"]],
  ["module levels", ["--vmodule=a=3,b*=4", "--logging-format=text"]],
  ["gates", ["--feature-gates=AllAlpha=false"]],
  ["IPVS", ["--ipvs-scheduler=rr", "--ipvs-exclude-cidrs=10.0.0.0/8", "--ipvs-strict-arp", "--ipvs-tcp-timeout=3s"]],
  ["a bit too high", ["--iptables-masquerade-bit=32"]],
  ["a negative number", ["--conntrack-min=-1"]],
  ["too large a number", ["--conntrack-min=2147483648"]],
  ["an adjustment too low", ["--oom-score-adj=-1001"]],
  ["no sync period", ["--iptables-sync-period=0"]],
  ["less than the least", ["--iptables-min-sync-period=40s"]],
  ["no duration", ["--iptables-sync-period=5"]],
  ["two prefixes of a family", ["--cluster-cidr=10.0.0.0/8,11.0.0.0/8"]],
  ["no prefix", ["--cluster-cidr=10.0.0.0"]],
  ["no prefix where none is looked at", ["--cluster-cidr=10.0.0.0", "--detect-local-mode=NodeCIDR"]],
  ["a wrong node port address", ["--nodeport-addresses=10.0.0.0"]],
  ["a keyword twice", ["--nodeport-addresses=all,all"]],
  ["a bridge without its name", ["--detect-local-mode=BridgeInterface"]],
  ["no such detector", ["--detect-local-mode=Magic"]],
  ["no such mode", ["--proxy-mode=userspace"]],
  ["no address", ["--bind-address=here"]],
  ["an address without a host", ["--metrics-bind-address=:80"]],
  ["port 0", ["--healthz-bind-address=127.0.0.1:0"]],
  ["no such format", ["--logging-format=xml"]],
  ["a flag that is not there", ["--masquerade"]],
  ["an argument", ["now"]],
])("flags: %s", async (_, args) => {
  const withDefaults = [
    ...ownDefaults,
    ...(args.some((arg) => arg.includes("logging-format")) ? [] : ["--logging-format=text"]),
    ...args,
  ];
  expect(await ours(withDefaults)).toEqual(theirs(withDefaults));
});

const header = "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\n";
const explicit = "iptables: {localhostNodePorts: true, minSyncPeriod: 1s}\nlogging: {format: text}\n";

it.each<[string, string, string[]?]>([
  ["nothing", ""],
  ["nulls", "conntrack: null\nipvs:\nnodePortAddresses: null\noomScoreAdj: null\nmode: null\n"],
  ["zeros", "configSyncPeriod: 0s\nconntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s}\nbindAddress: ''\n"],
  ["an IPv6 address", "bindAddress: '::'\n"],
  ["addresses without ports", "healthzBindAddress: 0.0.0.0\nmetricsBindAddress: '::1'\n"],
  ["words of YAML 1.1", "bindAddressHardFail: yes\nenableProfiling: on\nconntrack: {tcpBeLiberal: off, min: 017}\n"],
  ["a time that is a text", "hostnameOverride: 1:30\n"],
  ["a date that is a text", "hostnameOverride: 2024-01-01\n"],
  ["a key twice", "clusterCIDR: 10.0.0.0/8\nclusterCIDR: 11.0.0.0/8\n"],
  ["a field that is not there", "foo: 1\nMode: ipvs\nmetadata: {name: x}\nconntrack: {maxx: 3}\n"],
  ["two documents", "mode: iptables\n---\nmode: nope\n"],
  ["JSON", ""],
  ["flags that are not heard", "", ["--cluster-cidr=10.0.0.0/8", "--masquerade-all", "--healthz-port=0"]],
  ["flags that are", "hostnameOverride: a\n", ["--hostname-override=B", "-v=3", "--logging-format=json"]],
  ["a number for a duration", "configSyncPeriod: 5\n"],
  ["a text for a number", "oomScoreAdj: '5'\n"],
  ["a fraction", "oomScoreAdj: 5.5\n"],
  ["a text for a list", "nodePortAddresses: 10.0.0.0/8\n"],
  ["a list for a text", "clusterCIDR: [10.0.0.0/8]\n"],
  ["a list for a section", "conntrack: []\n"],
  ["a text for a section", "conntrack: ''\n"],
  ["a bool for a text", "mode: yes\n"],
  ["a text for a bool", "enableProfiling: 'true'\n"],
  ["no YAML", "a: b: c\n"],
])("a file: %s", async (name, body, args = []) => {
  const own = ["iptables:", "logging:"].filter((key) => !body.includes(key));
  const defaults = explicit.split("\n").filter((line) => own.some((key) => line.startsWith(key)));
  const text = `${header}${defaults.join("\n")}\n${body}`;
  writeFileSync(file, name === "JSON" ? JSON.stringify(parse(text)) : text);
  const all = [`--config=${file}`, ...args];
  expect(await ours(all)).toEqual(theirs(all));
});

it.each([
  ["another kind", "kind: Service\napiVersion: v1\n"],
  ["another version", "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1beta1\n"],
  ["no kind", "mode: iptables\n"],
  ["emptiness", ""],
  ["a list", "- a\n"],
])("a file that is %s", async (_, text) => {
  writeFileSync(file, text);
  expect([await ours([`--config=${file}`]), theirs([`--config=${file}`])]).toEqual(["refused", "refused"]);
});

it("each takes what the other wrote", async () => {
  expect(theirs([])).not.toBe("refused");
  writeFileSync(file, readFileSync(written));
  const again = await ours([`--config=${file}`]);
  expect(again).toEqual(theirs([]));
  writeFileSync(file, JSON.stringify(await ours([])));
  expect(theirs([`--config=${file}`])).toEqual(await ours([]));
});

it("knows every flag of kube-proxy", () => {
  const { stdout } = spawnSync(kubeProxyPath, ["--help"], { encoding: "utf8" });
  const flags = [...stdout.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name!);
  expect(flags.length).toBeGreaterThan(50);
  const isUnknown = (flag: string): boolean => {
    try {
      parseFlags(`--${flag}=1`);
      return false;
    } catch (error) {
      return String(error).includes("unknown option");
    }
  };
  expect(flags.filter((flag) => flag !== "help" && isUnknown(flag))).toEqual([]);
});
