import fc from "fast-check";
import { expect, it } from "vitest";
import { renderReport } from "./node-report.ts";
import { NodeStanding } from "./node-standing.ts";

const programmed = new Map([["IPv4" as const, "00000000000000aa"]]);

it("tells what is programmed, refused and isolated", () => {
  const text = renderReport({
    programmed,
    refused: [
      {
        service: "ns/web",
        protocol: "TCP",
        frontend: { kind: "LoadBalancerIP", address: "fd00::1", port: 443 },
        why: "taken",
      },
      {
        service: "ns/web",
        protocol: "TCP",
        frontend: { kind: "NodePort", address: undefined, port: 30_080 },
        why: "taken",
      },
    ],
    isolated: [{ service: "ns/bad", family: "IPv6", why: "line 3" }],
  });
  expect(JSON.parse(text)).toEqual({
    programmed: { IPv4: "00000000000000aa" },
    refused: [
      { service: "ns/web", frontend: "LoadBalancerIP [fd00::1]:443/TCP", why: "taken" },
      { service: "ns/web", frontend: "NodePort 30080/TCP", why: "taken" },
    ],
    isolated: [{ service: "ns/bad", family: "IPv6", why: "line 3" }],
  });
});

it("stays within its bound, whatever is refused, and counts what has no room", () => {
  const refusal = fc.record({
    service: fc.string({ maxLength: 300 }),
    protocol: fc.constant("TCP" as const),
    frontend: fc.constant({ kind: "ExternalIP" as const, address: "1.2.3.4", port: 80 }),
    why: fc.string({ unit: "grapheme", maxLength: 200 }),
  });
  fc.assert(
    fc.property(
      fc.array(refusal, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 400 }),
      (refusals, times) => {
        const refused = Array.from({ length: times }, () => refusals).flat();
        const text = renderReport({ programmed, refused, isolated: [] });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16_384);
        const { refused: shown, omitted = 0 } = JSON.parse(text);
        expect(shown.length + omitted).toBe(refused.length);
      },
    ),
    { numRuns: 30 },
  );
});

it("identifies rules however they came to be", async () => {
  const plan = (line: string) => ({ chains: new Map([["KUBE-SVC-A", [line]]]), rows: new Map() });
  const change = (key: string, line: string | undefined) => ({
    key,
    plansAfter: new Map(line === undefined ? [] : [["IPv4" as const, plan(line)]]),
  });
  const hash = async (...steps: ReturnType<typeof change>[]) => {
    const standing = new NodeStanding();
    for (const step of steps) {
      standing.programmed("IPv4", [step]);
      if (step.key === "ns/b") await standing.hashes();
    }
    return (await standing.hashes()).get("IPv4");
  };
  const both = await hash(change("ns/a", "x"), change("ns/b", "y"));
  expect(both).toMatch(/^[0-9a-f]{16}$/);
  expect(
    await hash(
      change("ns/b", "z"),
      change("ns/c", "y"),
      change("ns/b", "y"),
      change("ns/a", "x"),
      change("ns/c", undefined),
    ),
  ).toBe(both);
  expect(await hash(change("ns/a", "y"), change("ns/b", "x"))).not.toBe(both);
  const standing = new NodeStanding();
  standing.programmed("IPv4", [change("ns/a", "x"), change("ns/bad", "?"), change("ns/b", "y")]);
  expect(standing.isolate("IPv4", new Map([["ns/bad", "line 3"]]))).toEqual({
    added: [{ service: "ns/bad", family: "IPv4", why: "line 3" }],
    released: [],
  });
  expect((await standing.hashes()).get("IPv4")).toBe(both);
  expect(standing.isolate("IPv4", new Map()).released).toEqual(["ns/bad"]);
  expect((await standing.hashes()).get("IPv4")).not.toBe(both);
  expect(await hash(change("ns/a", undefined))).toBe("0000000000000000");
  expect(await hash()).toBeUndefined();
});
