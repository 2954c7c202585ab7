import { expect, it } from "vitest";
import { chainNames } from "../../agent/index.ts";
import { parseCidr } from "../../net/index.ts";
import { hostSettings, logSettings, type Machine, nodeSettings, processSettings } from "./settings.ts";
import { configuration } from "./testing/command-line.ts";

const machine: Machine = {
  families: ["IPv4", "IPv6"],
  dropInvalid: true,
  randomFully: true,
  accounting: new Set(["IPv4"]),
  sessionAffinity: new Set(["IPv4", "IPv6"]),
  hostName: "Machine\n",
};

function settings(...args: string[]): ReturnType<typeof nodeSettings> {
  return nodeSettings(configuration(...args), machine);
}

it("takes over whose Services are served, and the names of chains", () => {
  expect(settings("--service-proxy-name=mine", "--iptables-chain-prefix=BERTH")).toMatchObject({
    serviceProxyName: "mine",
    chains: chainNames("BERTH"),
  });
  expect(settings()).not.toHaveProperty("serviceProxyName");
});

it("is a node of the defaults", () => {
  expect(settings("--reserved-ports=22")).toEqual({
    nodeName: "machine",
    chains: chainNames("KUBE"),
    families: ["IPv4", "IPv6"],
    localTraffic: { mode: "ClusterCIDR", cidrs: new Map() },
    nodePortAddresses: [],
    localhostNodePorts: false,
    masqueradeAll: false,
    masqueradeBit: 14,
    externalIps: [parseCidr("0.0.0.0/0"), parseCidr("::/0")],
    reservedPorts: [{ first: 22, last: 22 }],
    dropInvalid: true,
    randomFully: true,
    accounting: new Set(["IPv4"]),
    sessionAffinity: new Set(["IPv4", "IPv6"]),
  });
});

it.each<[string[], object]>([
  [["--hostname-override=N1"], { nodeName: "n1" }],
  [["--bind-address=010.0.0.1"], { bindAddress: "10.0.0.1" }],
  [
    ["--cluster-cidr=010.0.0.0/8,fd00::1/8"],
    {
      localTraffic: {
        mode: "ClusterCIDR",
        cidrs: new Map([
          ["IPv4", "10.0.0.0/8"],
          ["IPv6", "fd00::/8"],
        ]),
      },
    },
  ],
  [["--detect-local-mode=NodeCIDR"], { localTraffic: { mode: "NodeCIDR" } }],
  [
    ["--detect-local-mode=BridgeInterface", "--pod-bridge-interface=cni0"],
    { localTraffic: { mode: "BridgeInterface", name: "cni0" } },
  ],
  [
    ["--detect-local-mode=InterfaceNamePrefix", "--pod-interface-name-prefix=cali"],
    { localTraffic: { mode: "InterfaceNamePrefix", prefix: "cali" } },
  ],
  [["--nodeport-addresses=primary"], { nodePortAddresses: "primary" }],
  [
    ["--nodeport-addresses=10.1.0.0/16,localhost"],
    { nodePortAddresses: ["10.1.0.0/16", "127.0.0.0/8", "::1/128"].map(parseCidr) },
  ],
  [["--nodeport-addresses=all"], { nodePortAddresses: ["0.0.0.0/0", "::/0"].map(parseCidr) }],
  [["--masquerade-all", "--iptables-masquerade-bit=3"], { masqueradeAll: true, masqueradeBit: 3 }],
  [["--iptables-localhost-nodeports"], { localhostNodePorts: true }],
  [["--allow-external-ips=none"], { externalIps: [] }],
])("is a node as %j wants it", (args, expected) => {
  expect(settings(...args)).toMatchObject(expected);
});

it("takes 0.0.0.0 and :: for no address", () => {
  for (const none of ["0.0.0.0", "::"]) expect(settings(`--bind-address=${none}`)).not.toHaveProperty("bindAddress");
});

it("needs a name", () => {
  expect(() => nodeSettings(configuration(), { ...machine, hostName: " " })).toThrow(
    "this machine has no host name; give --hostname-override, the name of the Node object",
  );
});

it("needs a cluster prefix of a family that the node has", () => {
  const single: Machine = { ...machine, families: ["IPv4"] };
  expect(() => nodeSettings(configuration("--cluster-cidr=fd00::/8"), single)).toThrow(
    "--cluster-cidr: fd00::/8 is of no family that this node has; give a prefix of IPv4, or mend the node's IPv6",
  );
  expect(() => nodeSettings(configuration("--cluster-cidr=10.0.0.0/8"), { ...machine, families: ["IPv6"] })).toThrow(
    "--cluster-cidr: 10.0.0.0/8 is of no family that this node has; give a prefix of IPv6, or mend the node's IPv4",
  );
  const both = nodeSettings(configuration("--cluster-cidr=fd00::/8,10.0.0.0/8"), single);
  expect(both.localTraffic).toMatchObject({ mode: "ClusterCIDR" });
});

it.each<[string[], string, string]>([
  [[], "info", "json"],
  [["-v=3"], "info", "json"],
  [["-v=4"], "debug", "json"],
  [["-v=9", "--log-level=warn"], "warn", "json"],
  [["--logging-format=text"], "info", "text"],
  [["--logging-format=text", "--log-format=json"], "info", "json"],
])("logs for %j at %s as %s", (args, logLevel, logFormat) => {
  expect(logSettings(configuration(...args))).toEqual({ logLevel, logFormat });
});

it.each<[string[], boolean]>([
  [[], false],
  [["--iptables-localhost-nodeports"], true],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=all"], true],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=localhost"], true],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=127.0.0.1/32"], true],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=127.1.0.0/16"], true],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=fd00::/8"], true],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=10.0.0.0/8"], false],
  [["--iptables-localhost-nodeports", "--nodeport-addresses=primary"], false],
])("routes loopback for %j: %s", (args, routeLocalnet) => {
  expect(hostSettings(configuration(...args)).routeLocalnet).toBe(routeLocalnet);
});

it("sets the machine as the flags say", () => {
  const args = ["--conntrack-max-per-core=1", "--conntrack-min=2", "--conntrack-tcp-timeout-established=3s"];
  const others = ["--conntrack-tcp-timeout-close-wait=4s", "--conntrack-tcp-be-liberal", "--conntrack-udp-timeout=5s"];
  const last = ["--conntrack-udp-timeout-stream=6s", "--oom-score-adj=7"];
  expect(hostSettings(configuration(...args, ...others, ...last))).toEqual({
    conntrack: {
      maxPerCore: 1,
      min: 2,
      tcpEstablishedTimeoutMs: 3000,
      tcpCloseWaitTimeoutMs: 4000,
      tcpBeLiberal: true,
      udpTimeoutMs: 5000,
      udpStreamTimeoutMs: 6000,
    },
    routeLocalnet: false,
    oomScoreAdj: 7,
  });
});

it("gives the process what it needs", () => {
  const args = ["--bind-address-hard-fail", "--iptables-sync-period=1m", "--metrics-port=0", "--namespace=n"];
  const { configz, ...others } = processSettings(configuration(...args));
  expect(others).toEqual({
    healthzAddress: { host: "0.0.0.0", port: 10_256 },
    metricsAddress: undefined,
    bindAddressHardFail: true,
    minSyncIntervalMs: 100,
    syncPeriodMs: 60_000,
    namespace: "n",
  });
  expect(configz).toMatchObject({
    kind: "KubeProxyConfiguration",
    iptables: { syncPeriod: "1m0s", masqueradeBit: 14 },
  });
});
