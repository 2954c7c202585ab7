import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { createMetrics, type LogFields, nullLogger } from "../telemetry/index.ts";
import { nothingWritten } from "./apply/testing/written.ts";
import { AgentMetrics } from "./metrics.ts";
import { NodeStanding } from "./node-standing.ts";
import { SyncReport } from "./sync-report.ts";

it("tells of a Service that the kernel refuses when that begins, changes and ends, in its family", async () => {
  const told: string[] = [];
  const registry = createMetrics();
  let changes = 0;
  const log = (level: string) => (message: string, fields?: LogFields) =>
    void told.push(`${level} ${message}: ${fields?.service} ${fields?.family}`);
  const report = new SyncReport({
    standing: new NodeStanding(),
    events: { serviceWarning: (...text) => void told.push(text.join(" | ")) },
    metrics: new AgentMetrics(registry),
    logger: { ...nullLogger, error: log("error"), info: log("info") },
    clock: new FakeClock(),
    onStanding: () => (changes += 1),
  });
  const bad = (why: string) => new Map([["ns/bad", why]]);
  report.isolated("IPv4", bad("line 3"));
  report.isolated("IPv4", bad("line 3"));
  report.isolated("IPv6", new Map());
  report.isolated("IPv4", bad("line 4"));
  const count = await registry.getSingleMetric("berth_agent_isolated_services")!.get();
  expect(count.values.map(({ labels, value }) => [labels["ip_family"], value])).toEqual([
    ["IPv4", 1],
    ["IPv6", 0],
  ]);
  report.isolated("IPv4", new Map());
  const line = "error service isolated: the kernel refuses its rules: ns/bad IPv4";
  expect(told).toEqual([
    line,
    "ns/bad | RulesRefused | Program | its IPv4 rules are left out: line 3",
    line,
    "ns/bad | RulesRefused | Program | its IPv4 rules are left out: line 4",
    "info service no longer isolated: ns/bad IPv4",
  ]);
  expect(changes).toBe(3);
});

it("asks for a report when a family has rules for the first time, and counts what is refused", async () => {
  const registry = createMetrics();
  let changes = 0;
  const report = new SyncReport({
    standing: new NodeStanding(),
    events: { serviceWarning() {} },
    metrics: new AgentMetrics(registry),
    logger: nullLogger,
    clock: new FakeClock(),
    onStanding: () => (changes += 1),
  });
  for (const family of ["IPv4", "IPv4", "IPv6"] as const) await report.programmed(family, [], nothingWritten, 1);
  expect(changes).toBe(2);

  const frontend = { kind: "ExternalIP" as const, address: "192.0.2.1", port: 80 };
  const refusal = { service: "ns/web", protocol: "TCP" as const, frontend, why: "taken" };
  const counts: number[] = [];
  for (const refusals of [[refusal, refusal], [refusal], []]) {
    report.refused({ key: "ns/web", refused: [], refusals });
    counts.push((await registry.getSingleMetric("berth_agent_refused_frontends")!.get()).values[0]!.value);
  }
  expect([counts, changes]).toEqual([[2, 1, 0], 5]);
});
