import { afterAll, beforeAll, expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { flavours } from "../tools/iptables-flavour.ts";
import { Cluster } from "./cluster.ts";
import { noLocalhost } from "./flag-sets.ts";
import { Load } from "./load.ts";
import { probedServices } from "./probes.ts";
import { stopProxy } from "./proxies.ts";
import { podPrefixes, Stage } from "./stage.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(probedServices, signal);
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** New connections in all, of the client and the pod together. */
const wanted = 10_000;
const phases = ["kube-proxy", "berth agent", "kube-proxy", "berth agent"] as const;

it.each(flavours)("takes over and hands back without losing a connection: %s", async (flavour) => {
  await using stage = await Stage.start(cluster, host, flavour, signal);
  await using stack = new AsyncDisposableStack();
  const loads: Load[] = [];
  for (const [i, name] of phases.entries()) {
    stage.written();
    await using proxy = await stage.run(name, [podPrefixes, noLocalhost], signal);
    if (i === 0) loads.push(stack.use(outside(stage)), stack.use(inside(stage)));
    else if (name === "berth agent") expect(stage.written().filter(isNeedless)).toEqual([]);
    await Promise.all(loads.map((load) => load.more(wanted / phases.length / loads.length)));
    await stopProxy(proxy);
  }
  const reports = await Promise.all(loads.map((load) => load.end()));
  expect(reports.reduce((sum, { answered }) => sum + answered, 0)).toBeGreaterThanOrEqual(wanted);
  for (const { failures, lost, broken, held } of reports) {
    expect({ failures, lost, broken }).toEqual({ failures: [], lost: 0, broken: [] });
    expect(Math.min(...held)).toBeGreaterThan(phases.length);
  }
});

/** A client: NodePorts and addresses of load balancers, policy Cluster and Local. */
function outside(stage: Stage): Load {
  return new Load(stage.netns("client"), [
    "tcp,192.0.2.1,30000",
    "tcp,fd00:c::1,30000",
    "tcp,203.0.113.10,8080",
    "tcp,203.0.113.14,8080",
    "tcp,2001:db8:1::14,8080",
    "udp,192.0.2.1,30001",
    "udp,203.0.113.14,8080",
  ]);
}

/** A pod: ClusterIPs. */
function inside(stage: Stage): Load {
  const addresses = ["10.96.0.10", "fd00:96::10", "10.96.0.14"];
  const targets = ["tcp", "udp"].flatMap((protocol) => addresses.map((address) => `${protocol},${address},8080`));
  return new Load(stage.netns("pod-2"), targets);
}

/** A rule of a Service's own chains, which are the same under both; only the sentinel of `Stage` changes. */
function isNeedless(line: string): boolean {
  return /^-A KUBE-(SVC|SVL|SEP|EXT|FW)-/.test(line) && !line.includes('"churn-a/sentinel:');
}
