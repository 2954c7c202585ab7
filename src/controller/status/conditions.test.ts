import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Condition, conditionTypes, type Service } from "../../api/index.ts";
import type { Cleanup } from "../../model/index.ts";
import { announcements, troubles } from "./announcements.ts";
import { type Aspect, conditionOf, type Finding, type Findings, mergeConditions } from "./conditions.ts";
import { releasePatch, statusPatch } from "./service-patch.ts";

const aspects = Object.keys(conditionTypes) as Aspect[];
const ours: readonly string[] = Object.values(conditionTypes);

const finding = fc.record<Finding>({
  status: fc.boolean(),
  reason: fc.constantFrom("One", "Two"),
  message: fc.constantFrom("", "a", "b"),
});
const findings = fc.dictionary(fc.constantFrom(...aspects), fc.option(finding)) as fc.Arbitrary<Findings>;
const conditions = fc.uniqueArray(
  fc.record<Condition>({
    type: fc.constantFrom(...ours, "example.com/A", "example.com/B"),
    status: fc.constantFrom("True", "False", "Unknown"),
    reason: fc.constantFrom("One", "Two"),
    message: fc.constantFrom("", "a", "b"),
    lastTransitionTime: fc.constant("2020-01-01T00:00:00Z"),
  }),
  { selector: ({ type }) => type },
);
const now = Date.UTC(2026, 0, 1, 0, 0, 0, 123);

describe("conditions", () => {
  it("say what was found, once, and leave those of others and times of no change alone", () => {
    fc.assert(
      fc.property(conditions, findings, (before, found) => {
        const after = mergeConditions(before, found, now);
        expect(mergeConditions(after, found, now + 1e6)).toBe(after);
        const foreign = (list: readonly Condition[]): Condition[] => list.filter(({ type }) => !ours.includes(type));
        expect(foreign(after)).toEqual(foreign(before));
        for (const aspect of aspects) {
          const [old, next] = [conditionOf(before, aspect), conditionOf(after, aspect)];
          const said = found[aspect];
          if (said === undefined) expect(next).toEqual(old);
          if (said === null) expect(next).toBeUndefined();
          if (said == null) continue;
          expect(next).toMatchObject({ ...said, status: said.status ? "True" : "False" });
          const moved = old?.status !== next?.status;
          expect(next?.lastTransitionTime).toBe(moved ? "2026-01-01T00:00:00Z" : old?.lastTransitionTime);
        }
      }),
    );
  });
});

describe("patches of a Service", () => {
  const service = fc.record({ conditions, ips: fc.array(fc.constantFrom("192.0.2.1", "192.0.2.2"), { maxLength: 2 }) });

  function serviceOf({ conditions, ips }: { conditions: Condition[]; ips: string[] }): Service {
    const finalizers = ["example.com/other", "p.berth.dev/resources"];
    const ingress = ips.map((ip) => ({ ip }));
    return { metadata: { name: "web", finalizers }, status: { conditions, loadBalancer: { ingress } } };
  }

  it("name only what changes, and nothing when nothing does", () => {
    fc.assert(
      fc.property(service, findings, fc.boolean(), (input, found, withIngress) => {
        const before = serviceOf(input);
        const report = withIngress ? { findings: found, ingress: [{ ip: "192.0.2.1" }] } : { findings: found };
        const patch = statusPatch(before, report, now) as { status: Service["status"] } | undefined;
        const after: Service = { ...before, status: { ...before.status, ...patch?.status } };
        expect(statusPatch(after, report, now + 1e6)).toBeUndefined();
        if (withIngress) expect(after.status?.loadBalancer?.ingress).toEqual([{ ip: "192.0.2.1" }]);
        else expect(patch?.status?.loadBalancer).toBeUndefined();
      }),
    );
  });

  it.each<[string, string[], string[], boolean]>([
    ["no-op add status", ["192.0.2.1"], ["192.0.2.1"], false],
    ["add status", [], ["192.0.2.1"], true],
    ["no-op clear status", [], [], false],
    ["clear status", ["192.0.2.1"], [], true],
  ])("TestPatchStatus: %s", (_, before, after, isPatched) => {
    const report = { findings: {}, ingress: after.map((ip) => ({ ip })) };
    expect(statusPatch(serviceOf({ conditions: [], ips: before }), report, now)).toEqual(
      isPatched ? { status: { loadBalancer: { ingress: report.ingress } } } : undefined,
    );
  });

  it.each<[string, string[], object | undefined]>([
    ["no-op remove finalizer", ["example.com/other"], undefined],
    [
      "remove finalizer",
      ["example.com/other", "p.berth.dev/resources"],
      { metadata: { finalizers: ["example.com/other"] } },
    ],
  ])("TestRemoveFinalizer: %s", (_, finalizers, expected) => {
    const cleanup: Cleanup = {
      kind: "cleanup",
      cause: "deleted",
      providers: ["p"],
      finalizers: ["p.berth.dev/resources"],
      policy: undefined,
      ownsStatus: true,
    };
    expect(releasePatch({ metadata: { name: "web", finalizers } }, cleanup)).toEqual(expected);
  });

  it("let it go: our finalizers and conditions, the ingress only where it is ours", () => {
    const before = serviceOf({
      conditions: mergeConditions(
        [{ type: "example.com/A", status: "True", reason: "A", message: "", lastTransitionTime: "x" }],
        { accepted: { status: true, reason: "Accepted", message: "" } },
        now,
      ) as Condition[],
      ips: ["192.0.2.1"],
    });
    const cleanup = {
      kind: "cleanup",
      providers: ["p"],
      finalizers: ["p.berth.dev/resources"],
      policy: undefined,
    } as const;
    const [foreign] = before.status?.conditions ?? [];
    expect(releasePatch(before, { ...cleanup, cause: "deleted", ownsStatus: true })).toEqual({
      metadata: { finalizers: ["example.com/other"] },
      status: { conditions: [foreign], loadBalancer: { ingress: null } },
    });
    expect(releasePatch(before, { ...cleanup, cause: "class", ownsStatus: false })).toEqual({
      metadata: { finalizers: ["example.com/other"] },
      status: { conditions: [foreign] },
    });
  });
});

describe("events", () => {
  const accepted: Finding = { status: true, reason: "Accepted", message: "" };
  const programmed: Finding = { status: true, reason: "Programmed", message: "" };
  const pending: Finding = { status: false, reason: "Pending", message: "an address" };
  const failed: Finding = { status: false, reason: "SyncFailed", message: "no answer" };
  const noBackends: Finding = { status: false, reason: "NoBackends", message: "no nodes" };
  const unhealthy: Finding = { status: false, reason: "NoHealthyTargets", message: "none" };
  const degraded: Finding = { status: true, reason: "UnknownAnnotation", message: "typo" };

  it.each<[string, Findings, Findings, string | undefined, string[]]>([
    ["first success", {}, { accepted, programmed }, undefined, ["Normal EnsuredLoadBalancer"]],
    ["success after a failure", { programmed: failed }, { accepted, programmed }, "x", ["Normal EnsuredLoadBalancer"]],
    ["a change", { programmed }, { programmed }, "update x", ["Normal UpdatedLoadBalancer"]],
    [
      "no change",
      { accepted, programmed, ready: unhealthy },
      { accepted, programmed, ready: unhealthy },
      undefined,
      [],
    ],
    ["waiting", {}, { accepted, programmed: pending }, undefined, []],
    ["a failure", { programmed }, { programmed: failed }, undefined, ["Warning SyncLoadBalancerFailed"]],
    ["the same failure", { programmed: failed }, { programmed: failed }, undefined, []],
    [
      "another failure",
      { programmed: failed },
      { programmed: { ...failed, message: "y" } },
      undefined,
      ["Warning SyncLoadBalancerFailed"],
    ],
    ["no nodes", { programmed }, { programmed, ready: noBackends }, undefined, ["Warning UnAvailableLoadBalancer"]],
    ["unhealthy nodes", { programmed }, { programmed, ready: unhealthy }, undefined, []],
    ["degraded", { programmed }, { programmed, degraded }, undefined, ["Warning UnknownAnnotation"]],
    [
      "no longer degraded",
      { programmed, degraded },
      { programmed, degraded: { ...degraded, status: false } },
      undefined,
      [],
    ],
  ])("%s", (_, before, after, changed, expected) => {
    const conditions = mergeConditions([], before, now);
    const lasting = troubles(conditions, after).filter(({ isKnown }) => !isKnown);
    const found = [...lasting.map(({ announcement }) => announcement), ...announcements(conditions, after, changed)];
    expect(found.map(({ type, reason }) => `${type} ${reason}`)).toEqual(expected);
  });
});
