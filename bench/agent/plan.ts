// `node bench/agent/plan.ts [--services 1000,10000]`: what planning costs the agent's process, without a kernel: the
// first plan of all Services, and one changed endpoint in one of them. Each number of Services in a fresh process. A
// block is what the process computes in one turn of its event loop, in which it answers nobody.
import { execFileSync } from "node:child_process";
import { setImmediate as turn } from "node:timers/promises";
import { AgentMetrics } from "../../src/agent/metrics.ts";
import { NodeProxy } from "../../src/agent/node-proxy.ts";
import { SyncHealth } from "../../src/agent/sync-health.ts";
import { nodeSettings } from "../../src/agent/testing/settings.ts";
import { systemClock, UsageError } from "../../src/base/index.ts";
import type { Exec } from "../../src/kernel/index.ts";
import { createMetrics, nullLogger } from "../../src/telemetry/index.ts";
import { asCommand } from "../command.ts";
import { cluster, keyOf, slice } from "./cluster.ts";

const changes = 100;
const most = 100_000;

/** Takes every rule, piece by piece as a pipe does, and holds none. */
const noKernel: Exec = {
  async run(_program, _args, { stdin }) {
    if (stdin !== undefined && typeof stdin === "object" && Symbol.iterator in stdin)
      for (const _ of stdin) await turn();
    await turn();
    return { code: 0, stdout: "", stderr: "" };
  },
};

interface Cost {
  readonly cpuMs: number;
  readonly blockMs: number;
}

/** In processor time, so that other load on the machine counts little. */
async function measure(work: () => Promise<unknown>): Promise<Cost> {
  let blockMs = 0;
  let before = threadMs();
  const tick = (): void => {
    const now = threadMs();
    blockMs = Math.max(blockMs, now - before);
    before = now;
    next = setImmediate(tick);
  };
  let next = setImmediate(tick);
  await turn();
  blockMs = 0;
  const start = process.cpuUsage();
  await work();
  await turn();
  const { user, system } = process.cpuUsage(start);
  clearImmediate(next);
  return { cpuMs: (user + system) / 1000, blockMs };
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function live(services: number): Promise<readonly (number | string)[]> {
  const signal = new AbortController().signal;
  const state = cluster(services);
  const metrics = new AgentMetrics(createMetrics());
  const proxy = new NodeProxy({
    settings: nodeSettings(),
    state,
    exec: noKernel,
    localAddresses: () => ["127.0.0.1", "192.168.0.2"],
    localSockets: async () => [],
    health: new SyncHealth(["IPv4", "IPv6"], systemClock),
    healthPorts: { update: async () => 0 },
    metrics,
    logger: nullLogger,
    clock: systemClock,
  });
  const empty = heap();
  for (const key of state.serviceKeys()) proxy.serviceChanged(key);
  const first = await measure(() => proxy.sync(signal));
  const full = heap();
  const changing = await measure(async () => {
    for (let n = 1; n <= changes; n++) {
      const i = (n * 7919) % services;
      state.allSlices.set(keyOf(i), [slice(i, n)]);
      proxy.endpointsChanged(keyOf(i), undefined);
      await proxy.sync(signal);
      await turn();
    }
  });
  return [
    services,
    first.cpuMs.toFixed(0),
    first.blockMs.toFixed(0),
    (changing.cpuMs / changes).toFixed(2),
    changing.blockMs.toFixed(1),
    ((full - empty) / services / 1024).toFixed(1),
  ];
}

const columns = [
  "Services",
  "first sync, CPU ms",
  "longest block, ms",
  "one change, CPU ms",
  "longest block, ms",
  "heap per Service, KiB",
];

async function run(argv: readonly string[]): Promise<void> {
  const [option, text = "1000,10000"] = argv;
  const counts = text.split(",").map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > most))
    throw new UsageError(`--services: ${JSON.stringify(text)} are no counts; give some from 1 to ${most}`);
  if (option === "--live") {
    process.stdout.write(`| ${(await live(counts[0] ?? 0)).join(" | ")} |\n`);
    return;
  }
  process.stdout.write(`| ${columns.join(" | ")} |\n|${columns.map(() => " -: |").join("")}\n`);
  // What one has compiled and left behind would flatter or burden the next one.
  for (const count of counts)
    execFileSync(process.execPath, ["--expose-gc", import.meta.filename, "--live", `${count}`], { stdio: "inherit" });
}

await asCommand("bench/agent/plan", run);
