// How fast the agent repairs rules that others alter, and what watching costs (root). In one network namespace, with
// the agent's own parts in this process: NodeProxy as the writer, Drift as the watcher.
//   node bench/agent/drift.ts [--services 1000] [--flavours nft,legacy] [--repairs 100] [--seconds 60]
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Drift, OwnWrites } from "../../src/agent/drift/index.ts";
import { AgentMetrics } from "../../src/agent/metrics.ts";
import { NodeProxy } from "../../src/agent/node-proxy.ts";
import { SyncHealth } from "../../src/agent/sync-health.ts";
import { nodeSettings } from "../../src/agent/testing/settings.ts";
import { MemoryState } from "../../src/agent/testing/state.ts";
import { sleep, systemClock, systemRandom } from "../../src/base/index.ts";
import {
  addNetns,
  cpuTimeMs,
  deleteNetns,
  type Exec,
  execOk,
  netnsExec,
  netnsFollow,
  netnsPath,
  openLegacyTables,
  systemExec,
  systemFollow,
} from "../../src/kernel/index.ts";
import { inNetns } from "../../src/kernel/testing/netns.ts";
import { port, service, slice } from "../../src/model/testing/objects.ts";
import type { Family } from "../../src/net/index.ts";
import { createMetrics, nullLogger } from "../../src/telemetry/index.ts";
import { parseCpuMs } from "../proc.ts";
import { summarize } from "../statistics.ts";

const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const clock = systemClock;
const host = systemExec(environment);
const forever = new AbortController().signal;
type Flavour = "nft" | "legacy";

const { values } = parseArgs({
  options: {
    services: { type: "string", default: "1000" },
    flavours: { type: "string", default: "nft,legacy" },
    repairs: { type: "string", default: "100" },
    seconds: { type: "string", default: "60" },
  },
});
const [services, repairs, seconds] = [Number(values.services), Number(values.repairs), Number(values.seconds)];

function cluster(): MemoryState {
  const state = new MemoryState();
  for (let i = 0; i < services; i++) {
    const [high, low] = [Math.floor(i / 250), (i % 250) + 1];
    const clusterIP = `10.96.${high}.${low}`;
    const clusterIPs = [clusterIP, `fd00:96::${high}:${low}`];
    state.services.set(`ns/s${i}`, service(`ns/s${i}`, { clusterIP, clusterIPs, ports: [port("p", 80)] }));
    const list = (prefix: string) => [1, 2, 3, 4, 5].map((n) => ({ ip: `${prefix}${n}` }));
    state.allSlices.set(`ns/s${i}`, [
      slice("4", [{ name: "p", port: 80 }], list("10.244.1.")),
      slice("6", [{ name: "p", port: 80 }], list("fd00:244:1::")),
    ]);
  }
  return state;
}

type Sabotage = "rules added or removed" | "flush" | "same length";

/** What somebody does to a table, with the arguments of iptables. */
function sabotages(chain: string): readonly (readonly [Sabotage, string])[] {
  return [
    ["rules added or removed", `-t nat -D ${chain} 1`],
    ["rules added or removed", `-t nat -I ${chain} 1 -j ACCEPT`],
    ["rules added or removed", "-t filter -D FORWARD 2"],
    ["rules added or removed", "-t nat -D OUTPUT 1"],
    ["flush", "-t nat -F"],
    ["same length", "-t nat -R KUBE-MARK-MASQ 1 -j MARK --or-mark 0x8000"],
  ];
}

async function measure(flavour: Flavour, families: readonly Family[]): Promise<string> {
  const netns = `bench-drift-${randomBytes(3).toString("hex")}`;
  await addNetns(host, netns, { signal: forever });
  const stop = new AbortController();
  let watching: Promise<void> = Promise.resolve();
  try {
    const inside = netnsExec(host, netns);
    const named = (program: string): string => program.replace("tables", `tables-${flavour}`);
    let restored = Promise.withResolvers<void>();
    let reads = 0;
    const exec: Exec = {
      run: async (program, args, options) => {
        const result = await inside.run(named(program), args, options);
        if (program.endsWith("-restore")) restored.resolve();
        else reads += 1;
        return result;
      },
    };
    let monitor = 0;
    const follow = netnsFollow(systemFollow(environment), netns);
    const metrics = createMetrics();
    const ownWrites = new OwnWrites(clock);
    const common = { logger: nullLogger, clock };
    const proxy = new NodeProxy({
      settings: nodeSettings({ families }),
      state: cluster(),
      exec: ownWrites.through(exec),
      localAddresses: () => [],
      localSockets: async () => [],
      health: new SyncHealth(families, clock),
      healthPorts: { update: async () => 1 },
      metrics: new AgentMetrics(metrics),
      ...common,
    });
    await proxy.sync(forever);
    reads = 0;
    const drift = new Drift({
      target: proxy,
      flavour,
      exec,
      follow: (program, args, options) =>
        follow(program, args, {
          ...options,
          onStart: (pid) => {
            monitor = pid;
            options.onStart?.(pid);
          },
        }),
      ownWrites,
      enforceJumpOrder: false,
      resync: () => void proxy.sync(forever),
      metrics,
      random: systemRandom,
      openTables: () => inNetns(netns, openLegacyTables),
      ...common,
    });
    watching = drift.run(stop.signal);
    const cpu = (): number =>
      cpuTimeMs() + (monitor === 0 ? 0 : parseCpuMs(readFileSync(`/proc/${monitor}/stat`, "utf8")));
    const share = async (forSeconds: number): Promise<string> => {
      const [before, readsBefore, start] = [cpu(), reads, clock.monotonic()];
      await sleep(forSeconds * 1000, forever);
      const percent = ((cpu() - before) / (clock.monotonic() - start)) * 100;
      return `${percent.toFixed(2)} % (${reads - readsBefore} reads)`;
    };
    // The first comparisons of everything are behind.
    while (reads < families.length * 3) await sleep(500, forever);
    await sleep(12_000, forever);
    const atRest = await share(seconds);

    const samples: Record<Sabotage, number[]> = { "rules added or removed": [], flush: [], "same length": [] };
    const saved = await execOk(inside, named("iptables-save"), ["-t", "nat"], { signal: forever });
    const chains = [...saved.matchAll(/^:(KUBE-SVC-\S+)/gm)].map(([, chain]) => chain ?? "");
    for (let i = 0; i < repairs; i++) {
      const [kind, sabotage] = sabotages(chains[(i * 7919) % chains.length] ?? "")[i % 6] as [Sabotage, string];
      // Polling must not be met at the same phase each time.
      await sleep(300 + systemRandom() * (flavour === "legacy" ? 5000 : 200), forever);
      restored = Promise.withResolvers();
      const start = clock.monotonic();
      await execOk(inside, named("iptables"), sabotage.split(" "), { signal: forever });
      await restored.promise;
      // A flushed table comes back in several restores.
      for (const { exclusively } of proxy.kernels) await exclusively(async () => {});
      samples[kind].push(clock.monotonic() - start);
    }
    const noise = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", "nsenter", `--net=${netnsPath(netns)}`, "sh", "-c", noiseScript(flavour)],
      { env: environment, stdio: "ignore" },
    );
    const underNoise = await share(seconds / 2);
    noise.kill("SIGKILL");
    const repaired = Object.values(samples).map((times) => {
      const { median, max } = summarize(times);
      return `${Math.round(median)}, ${Math.round(max)} ms`;
    });
    return `| ${flavour} | ${families.join("+")} | ${atRest} | ${repaired.join(" | ")} | ${underNoise} |`;
  } finally {
    stop.abort();
    await watching;
    await deleteNetns(host, netns, { signal: forever });
  }
}

/** What CNI plug-ins do: ten times a second a rule comes and goes in a built-in chain that has jumps of ours. */
function noiseScript(flavour: Flavour): string {
  const rule = "-t nat -s 10.244.1.9/32 -j ACCEPT";
  const tool = `iptables-${flavour}`;
  return `while :; do ${tool} -A POSTROUTING ${rule}; sleep 0.1; ${tool} -D POSTROUTING ${rule}; sleep 0.1; done`;
}

const rows: string[] = [];
for (const flavour of values.flavours.split(",") as readonly Flavour[])
  for (const families of [["IPv4"], ["IPv4", "IPv6"]] as const) {
    console.error(`iptables-${flavour}, ${families.join("+")}`);
    rows.push(await measure(flavour, families));
  }
console.log(`${services} Services of 5 endpoints; ${repairs} repairs; at rest ${seconds} s; 10 foreign changes a second ${seconds / 2} s

| iptables | families | CPU at rest | rule added or removed: p50, max | flush of nat: p50, max | replaced in the same length: p50, max | CPU under foreign changes |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join("\n")}`);
