import { describe, expect, it } from "vitest";
import { UsageError } from "../../base/index.ts";
import { resolve } from "./configuration.ts";
import { defaultValues } from "./fields.ts";
import type { FileValue } from "./kinds.ts";
import { configFile, configuration, parseFlags } from "./testing/command-line.ts";

it("is all defaults when nothing is given", () => {
  const { values, warnings } = configuration();
  expect(values).toEqual({ ...defaultValues(), mode: "iptables", detectLocalMode: "ClusterCIDR" });
  expect(warnings).toEqual([]);
});

describe("a proxy beside another", () => {
  it.each<[string[], string, string]>([
    [[], "", "KUBE"],
    [["--service-proxy-name=mine", "--iptables-chain-prefix=BERTH"], "mine", "BERTH"],
    // Who says so knows that there is no other.
    [["--service-proxy-name=mine", "--iptables-chain-prefix=KUBE"], "mine", "KUBE"],
    [["--iptables-chain-prefix=BERTH"], "", "BERTH"],
    [["--service-proxy-name="], "", "KUBE"],
  ])("%j", (args, name, prefix) => {
    expect(configuration(...args).switches).toMatchObject({
      "service-proxy-name": name,
      "iptables-chain-prefix": prefix,
    });
  });

  it("is refused when it does not say which chains are its own", () => {
    expect(() => configuration("--service-proxy-name=mine")).toThrow(
      new UsageError(
        '--service-proxy-name: "mine" without --iptables-chain-prefix; two proxies with the same chains delete each other\'s rules: give a prefix of its own, such as BERTH, or KUBE if no other proxy runs on this node',
      ),
    );
  });

  it.each([
    ["--iptables-chain-prefix=kube", '--iptables-chain-prefix: "kube" is no prefix; give 1 to 7 upper-case letters'],
    ["--iptables-chain-prefix=CNI", '--iptables-chain-prefix: "CNI" is no prefix'],
    ["--iptables-chain-prefix=", '--iptables-chain-prefix: "" is no prefix'],
    ["--service-proxy-name=a,b", '--service-proxy-name: "a,b" is no name; give the value of a label'],
    [`--service-proxy-name=${"a".repeat(64)}`, "is no name"],
  ])("is refused with %s", (flag, message) => {
    expect(() => configuration(flag)).toThrow(message);
  });
});

describe("what counts", () => {
  it("is the file, beside which kube-proxy's other flags are not heard", () => {
    const flags = parseFlags("--cluster-cidr=10.0.0.0/8", "--masquerade-all", "--healthz-port=0", "--force");
    const { values, switches, warnings } = resolve(flags, configFile({ clusterCIDR: "11.0.0.0/8" }));
    expect(values).toMatchObject({
      clusterCIDR: ["11.0.0.0/8"],
      "iptables.masqueradeAll": false,
      healthzBindAddress: "0.0.0.0:10256",
    });
    expect(switches.force).toBe(true);
    expect(warnings).toEqual([
      { what: "--cluster-cidr", why: "not heard beside --config; set clusterCIDR in FILE" },
      { what: "--masquerade-all", why: "not heard beside --config; set iptables.masqueradeAll in FILE" },
      { what: "--healthz-port", why: "deprecated by kube-proxy; give --healthz-bind-address" },
    ]);
  });

  it("is the flag for the node's name and for logs", () => {
    const file = configFile({ hostnameOverride: "of-file", logging: { verbosity: 5, format: "text" } });
    const flags = parseFlags("--hostname-override= Of-Flag ", "-v=2", "--logging-format=json");
    expect(resolve(flags, file).values).toMatchObject({
      hostnameOverride: "of-flag",
      "logging.verbosity": 2,
      "logging.format": "json",
    });
    expect(resolve(parseFlags("--hostname-override="), file).values.hostnameOverride).toBe("of-file");
    expect(resolve(parseFlags("--node-name=N"), file).values.hostnameOverride).toBe("n");
    expect(resolve(parseFlags("--node-name=n", "--hostname-override=h"), file).values.hostnameOverride).toBe("h");
    expect(resolve(parseFlags(), file).values.hostnameOverride).toBe("of-file");
  });

  it.each<[string[], string, string]>([
    [[], "0.0.0.0:10256", "127.0.0.1:10249"],
    [["--healthz-bind-address=", "--metrics-bind-address="], "0.0.0.0:10256", "127.0.0.1:10249"],
    [["--healthz-bind-address=::", "--metrics-bind-address=10.0.0.1"], "[::]:10256", "10.0.0.1:10249"],
    [["--healthz-bind-address=::", "--healthz-port=1"], "[::]:1", "127.0.0.1:10249"],
    [["--healthz-port=1", "--metrics-port=2"], "0.0.0.0:10256", "127.0.0.1:10249"],
    [["--healthz-port=0", "--metrics-port=0"], "", ""],
    [["--bind-address=fd00::1"], "0.0.0.0:10256", "127.0.0.1:10249"],
  ])("is where servers answer: %j", (args, healthzBindAddress, metricsBindAddress) => {
    expect(configuration(...args).values).toMatchObject({ healthzBindAddress, metricsBindAddress });
  });

  it("is the family of bindAddress for servers without an address in a file", () => {
    const { values } = resolve(parseFlags(), configFile({ bindAddress: "fd00::1", healthzBindAddress: "::" }));
    expect(values).toMatchObject({ healthzBindAddress: "[::]:10256", metricsBindAddress: "[::1]:10249" });
  });
});

describe("what has no effect", () => {
  it.each<[string, string, string]>([
    [
      "--ipvs-scheduler=rr",
      '--ipvs-scheduler "rr"',
      "this agent writes iptables rules, and there is no IPVS to set up",
    ],
    ["--feature-gates=A=true", '--feature-gates {"A":true}', "the agent has no feature gates"],
    ["--profiling", "--profiling true", "there is no Go to profile; run the agent with node's --cpu-prof"],
    [
      "--kube-api-qps=50",
      "--kube-api-qps 50",
      "the agent sends a handful of watches and one lease, so nothing is held back",
    ],
    ["--kube-api-content-type=application/json", '--kube-api-content-type "application/json"', "the agent speaks JSON"],
    ["--show-hidden-metrics-for-version=1.36", '--show-hidden-metrics-for-version "1.36"', "no metric is hidden"],
    [
      "--vmodule=a=3",
      '--vmodule [{"filePattern":"a","verbosity":3}]',
      "levels hold for all of the agent; give -v or --log-level",
    ],
    ["--metrics-port=1", "--metrics-port", "deprecated by kube-proxy; give --metrics-bind-address"],
  ])("is named: %s", (flag, what, why) => {
    expect(configuration(flag).warnings).toEqual([{ what, why }]);
  });

  it("is named in a file, one warning for each field", () => {
    const file = configFile({
      winkernel: { enableDSR: true },
      nftables: { masqueradeBit: 3, syncPeriod: "1s" },
      foo: 1,
    });
    expect(resolve(parseFlags(), file).warnings).toEqual([
      { what: "FILE: foo", why: "no such field; check its spelling or remove it" },
      { what: "FILE: nftables.masqueradeBit 3", why: "this agent writes iptables rules; give iptables.* instead" },
      { what: 'FILE: nftables.syncPeriod "1s"', why: "this agent writes iptables rules; give iptables.* instead" },
      { what: "FILE: winkernel.enableDSR true", why: "this agent runs on Linux" },
    ]);
  });

  it("is not named when it asks for what is so anyway", () => {
    expect(configuration("--kube-api-qps=5", "--ipvs-strict-arp=false", "--config-sync-period=15m").warnings).toEqual(
      [],
    );
  });
});

const otherMode =
  "is another way than this agent's, which programs iptables; give iptables or nothing, or stay with kube-proxy";

describe("refuses", () => {
  it.each<[string[], string]>([
    ...["ipvs", "nftables", "userspace", "kernelspace"].map((mode): [string[], string] => [
      [`--proxy-mode=${mode}`],
      `--proxy-mode: "${mode}" ${otherMode}`,
    ]),
    [["--iptables-masquerade-bit=32"], "--iptables-masquerade-bit: 32 must be within 0 to 31"],
    [["--iptables-masquerade-bit=-1"], "--iptables-masquerade-bit: -1 must be within 0 to 31"],
    [["--oom-score-adj=1001"], "--oom-score-adj: 1001 must be within -1000 to 1000"],
    [["--kube-api-burst=-1"], "--kube-api-burst: -1 must not be negative; give 0 or more"],
    [["--conntrack-max-per-core=-1"], "--conntrack-max-per-core: -1 must not be negative; give 0 or more"],
    [["--conntrack-min=-1"], "--conntrack-min: -1 must not be negative; give 0 or more"],
    ...["tcp-timeout-established", "tcp-timeout-close-wait", "udp-timeout", "udp-timeout-stream"].map(
      (name): [string[], string] => [
        [`--conntrack-${name}=-1s`],
        `--conntrack-${name}: "-1s" must not be negative; give 0 or more`,
      ],
    ),
    [["--config-sync-period=0"], '--config-sync-period: "0s" must be greater than 0'],
    [["--log-flush-frequency=0"], '--log-flush-frequency: "0s" must be greater than 0'],
    [["--iptables-sync-period=0"], '--iptables-sync-period: "0s" must be greater than 0'],
    [["--iptables-min-sync-period=-1s"], '--iptables-min-sync-period: "-1s" must not be negative; give 0 or more'],
    [
      ["--iptables-min-sync-period=40s"],
      '--iptables-sync-period: "30s" is shorter than iptables.minSyncPeriod; give 40s or more',
    ],
    [["--bind-address=here"], '--bind-address: "here" is no address; give one such as 10.0.0.1, or 0.0.0.0 for none'],
    ...["here", ":80", "127.0.0.1:0", "127.0.0.1:65536", "::1:80:x", "localhost:80"].flatMap((address) =>
      ["healthz", "metrics"].map((server): [string[], string] => [
        [`--${server}-bind-address=${address}`],
        `--${server}-bind-address: "${address}" is no address; give IP:PORT, such as 127.0.0.1:8080 or [::]:8080`,
      ]),
    ),
    [
      ["--nodeport-addresses=10.0.0.0"],
      '--nodeport-addresses: "10.0.0.0" is no prefix; give ADDRESS/BITS, such as 10.0.0.0/8, or primary, localhost or all',
    ],
    [["--nodeport-addresses=all,all"], '--nodeport-addresses: "all" is there twice; give it once'],
    [["--nodeport-addresses=primary,primary"], '--nodeport-addresses: "primary" is there twice; give it once'],
    [
      ["--nodeport-addresses=primary,10.0.0.0/8"],
      '--nodeport-addresses: "primary,10.0.0.0/8" primary stands beside others; give primary alone, or prefixes that hold its addresses',
    ],
    [["--cluster-cidr=10.0.0.0"], '--cluster-cidr: "10.0.0.0" is no prefix; give ADDRESS/BITS, such as 10.244.0.0/16'],
    [
      ["--cluster-cidr=fd00::/8,fd01::/16"],
      '--cluster-cidr: "fd00::/8,fd01::/16" two IPv6 prefixes; give one that holds all pods of the family',
    ],
    [
      ["--detect-local-mode=Magic"],
      '--detect-local-mode: "Magic" is no such mode; give one of ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix',
    ],
    [
      ["--detect-local-mode=BridgeInterface"],
      '--pod-bridge-interface: "" is needed with detectLocalMode BridgeInterface; give it',
    ],
    [
      ["--detect-local-mode=InterfaceNamePrefix"],
      '--pod-interface-name-prefix: "" is needed with detectLocalMode InterfaceNamePrefix; give it',
    ],
    [
      ["--detect-local-mode=InterfaceNamePrefix", "--pod-interface-name-prefix=a -j ACCEPT"],
      '--pod-interface-name-prefix: "a -j ACCEPT" can be no interface\'s; give at most 14 of letters, digits and . _ @ -',
    ],
    [
      ["--detect-local-mode=InterfaceNamePrefix", "--pod-interface-name-prefix=abcdefghijklmno"],
      '--pod-interface-name-prefix: "abcdefghijklmno" can be no interface\'s; give at most 14 of letters, digits and . _ @ -',
    ],
    [["--logging-format=xml"], '--logging-format: "xml" is no such format; give json or text'],
    [["--hostname-override= "], "--hostname-override: empty; give the name of the Node object"],
  ])("%j", (args, message) => {
    expect(() => configuration(...args)).toThrow(new UsageError(message));
  });

  it.each<[{ [key: string]: FileValue }, string]>([
    [{ hostnameOverride: " " }, '--config FILE: hostnameOverride: " " is no name; give that of the Node object'],
    [{ mode: "nftables" }, `--config FILE: mode: "nftables" ${otherMode}`],
    [
      { iptables: { minSyncPeriod: "40s" } },
      '--config FILE: iptables.syncPeriod: "30s" is shorter than iptables.minSyncPeriod; give 40s or more',
    ],
    [
      { conntrack: { min: -3 }, bindAddress: "foo" },
      '--config FILE: conntrack.min: -3 must not be negative; give 0 or more; --config FILE: bindAddress: "foo" is no address; give one such as 10.0.0.1, or 0.0.0.0 for none',
    ],
  ])("a file with %j", (fields, message) => {
    expect(() => resolve(parseFlags(), configFile(fields))).toThrow(new UsageError(message));
  });

  it("a flag that is heard beside a file by the flag's name", () => {
    expect(() => resolve(parseFlags("--logging-format=xml"), configFile())).toThrow(
      new UsageError('--logging-format: "xml" is no such format; give json or text'),
    );
  });

  it("nothing that does not matter in the mode that is chosen", () => {
    const args = ["--detect-local-mode=NodeCIDR", "--cluster-cidr=x", "--pod-bridge-interface=a b"];
    expect(configuration(...args).values.detectLocalMode).toBe("NodeCIDR");
  });
});
