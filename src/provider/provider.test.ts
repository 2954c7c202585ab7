import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../model/index.ts";
import {
  type Capabilities,
  contentHash,
  decide,
  executePlan,
  type Fault,
  inOrder,
  makePlan,
  type PlanStep,
  ProviderError,
  type StepResult,
  unsupported,
} from "./index.ts";
import { fullCapabilities } from "./testing/memory-provider.ts";

function step(id: string, dependsOn: string[] = [], action: PlanStep["action"] = "create"): PlanStep {
  return { id, action, target: id, dependsOn, input: { id }, diff: [] };
}

describe("what to do about a failure", () => {
  it.each<[Fault, string]>([
    [{ kind: "retryable" }, "backOff SyncFailed"],
    [{ kind: "notFound" }, "backOff NotFound"],
    [{ kind: "throttled", scope: "account", retryAfterMs: 7000 }, "pause Throttled 7000"],
    [{ kind: "forbidden", action: "elb:Create" }, "park Forbidden 300000"],
    [{ kind: "quota", limit: "balancers" }, "park QuotaExceeded 300000"],
    [{ kind: "conflict", owner: "cluster b" }, "park Conflict 300000"],
    [{ kind: "blocked", reason: "SubnetMissing", remedy: "tag a subnet" }, "park SubnetMissing 300000"],
  ])("%o", (fault, expected) => {
    const decision = decide(new ProviderError(fault, "x"));
    const words = [decision.kind, decision.reason, ...("forMs" in decision ? [decision.forMs] : [])];
    expect(words.join(" ")).toBe(expected);
  });

  it("takes any other error as one that passes", () => {
    expect(decide(new TypeError("x"))).toEqual({ kind: "backOff", reason: "SyncFailed" });
  });
});

describe("plans", () => {
  it("hash their content, not the order of keys", () => {
    expect(contentHash({ a: 1n, b: [{ c: 1, d: undefined }] })).toBe(contentHash({ b: [{ c: 1 }], a: 1n }));
    expect(contentHash({ a: 1n })).not.toBe(contentHash({ a: 2n }));
    expect(makePlan({ steps: [step("a")], summary: "x" }).hash).not.toBe(makePlan({ steps: [], summary: "x" }).hash);
  });

  it("refuse what no planner may make", () => {
    expect(() => inOrder([step("a", ["b"]), step("b", ["a"])])).toThrow("depends on itself");
    expect(() => inOrder([step("a", ["z"])])).toThrow("depends on z, which the plan lacks");
    expect(() => inOrder([step("a"), step("a")])).toThrow("two steps of the same id");
  });

  it("order any acyclic graph so that each step comes after what it needs", () => {
    const graph = fc.array(fc.array(fc.nat()), { maxLength: 12 });
    fc.assert(
      fc.property(graph, fc.array(fc.nat(), { maxLength: 12 }), (edges, shuffle) => {
        const steps = edges.map((to, i) => step(`${i}`, i === 0 ? [] : [...new Set(to.map((n) => `${n % i}`))]));
        for (const n of shuffle) steps.push(...steps.splice(n % Math.max(1, steps.length), 1));
        const ordered = inOrder(steps).map(({ id }) => id);
        expect([...ordered].sort()).toEqual(steps.map(({ id }) => id).sort());
        for (const { id, dependsOn } of steps)
          for (const before of dependsOn) expect(ordered.indexOf(before)).toBeLessThan(ordered.indexOf(id));
      }),
    );
  });
});

describe("execution", () => {
  async function run(
    steps: PlanStep[],
    answers: Record<string, StepResult | Error>,
    mayWrite: () => string | undefined = () => undefined,
  ): Promise<{ states: string[]; applied: string[] }> {
    const applied: string[] = [];
    const outcomes = await executePlan(makePlan({ steps, summary: "" }), {
      mayWrite,
      async apply({ id }, outputs) {
        applied.push([id, ...outputs.values()].join(" "));
        const answer = answers[id] ?? { state: "done" };
        if (answer instanceof Error) throw answer;
        return answer;
      },
    });
    return { states: outcomes.map((outcome) => `${outcome.step.id} ${outcome.state}`), applied };
  }

  it("skips only the dependents of a step that failed or is pending", async () => {
    const steps = [step("a"), step("b", ["a"]), step("c", ["b"]), step("d"), step("e"), step("f", ["e"])];
    const pending: StepResult = { state: "pending", what: "x", pollAfterMs: 1 };
    expect(await run(steps, { a: new Error("no"), e: pending })).toEqual({
      states: ["a failed", "b skipped", "c skipped", "d done", "e pending", "f skipped"],
      applied: ["a", "d", "e"],
    });
  });

  it("hands outputs on", async () => {
    const { applied } = await run([step("b", ["a"]), step("a")], { a: { state: "done", outputs: { arn: "arn-1" } } });
    expect(applied).toEqual(["a", "b arn-1"]);
  });

  it("takes a delete of what is gone as done", async () => {
    const gone = new ProviderError({ kind: "notFound" }, "gone");
    const { states } = await run([step("a", [], "delete"), step("b", [], "update")], { a: gone, b: gone });
    expect(states).toEqual(["a done", "b failed"]);
  });

  it("starts nothing once writing is forbidden", async () => {
    let left = 1;
    const { states, applied } = await run([step("a"), step("b"), step("c")], {}, () =>
      left-- > 0 ? undefined : "lease lost",
    );
    expect({ states, applied }).toEqual({ states: ["a done", "b skipped", "c skipped"], applied: ["a"] });
  });
});

describe("capabilities", () => {
  const lb: DesiredLoadBalancer = {
    id: { clusterId: "c", uid: "u", namespace: "n", name: "s" },
    families: ["IPv4", "IPv6"],
    ports: [
      { name: "a", protocol: "TCP", port: 80, nodePort: 30_080 },
      { name: "b", protocol: "UDP", port: 80, nodePort: 30_080 },
    ],
    externalTrafficPolicy: "Cluster",
    sessionAffinity: { kind: "ClientIP", timeoutSeconds: 60 },
    sourceRanges: [{ base: { family: "IPv4", value: 0n }, prefix: 8 }],
    healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
    requestedAddresses: [],
    addresses: [],
    annotations: {},
    loadBalancerClass: "berth.dev/proxy",
    createdAt: "2026-01-01T00:00:00Z",
    scheme: undefined,
    retain: false,
  };
  const noNodePort = { ...lb, ports: [{ name: "", protocol: "TCP" as const, port: 80, nodePort: 0 }] };

  it.each<[string, DesiredLoadBalancer, Partial<Capabilities>, string[]]>([
    ["all there", lb, {}, []],
    ["no UDP", lb, { protocols: ["TCP"] }, ["refuse LoadBalancerProtocolNotSupported spec.ports[name=b].protocol 80"]],
    [
      "no mix",
      lb,
      { mixedProtocols: false },
      [
        "refuse LoadBalancerMixedProtocolNotSupported spec.ports[name=a].protocol 80",
        "refuse LoadBalancerMixedProtocolNotSupported spec.ports[name=b].protocol 80",
      ],
    ],
    [
      "no UDP, and no mix of what is possible",
      lb,
      { protocols: ["TCP"], mixedProtocols: false },
      ["refuse LoadBalancerProtocolNotSupported spec.ports[name=b].protocol 80"],
    ],
    ["no IPv6", lb, { families: ["IPv4"] }, ["refuse IPFamiliesNotSupported spec.ipFamilies"]],
    ["no dual stack", lb, { dualStack: false }, ["refuse IPFamiliesNotSupported spec.ipFamilies"]],
    ["no node port", noNodePort, {}, ["refuse NodePortMissing spec.ports.nodePort 80"]],
    ["no node port needed", noNodePort, { needsNodePorts: false }, []],
    ["no ranges", lb, { sourceRanges: false }, ["refuse SourceRangesNotSupported spec.loadBalancerSourceRanges"]],
    ["no affinity", lb, { sessionAffinity: false }, ["degrade SessionAffinityNotSupported spec.sessionAffinity"]],
  ])("%s", (_, wanted, lacks, expected) => {
    const found = unsupported(wanted, { ...fullCapabilities, ...lacks });
    expect(
      found.map(({ severity, reason, path, port }) => [severity, reason, path, port?.port].filter(Boolean).join(" ")),
    ).toEqual(expected);
  });
});
