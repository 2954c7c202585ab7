import fc from "fast-check";
import { expect, it } from "vitest";
import { parseReport, renderReport, reportedLosses } from "./index.ts";

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

const loadBalancerIp = { kind: "LoadBalancerIP", address: "192.0.2.1", port: 80 } as const;

it("is read back as far as it concerns addresses of load balancers", () => {
  const text = renderReport({
    programmed,
    refused: [
      { service: "ns/web", protocol: "TCP", frontend: loadBalancerIp, why: "taken" },
      { service: "ns/web", protocol: "UDP", frontend: { ...loadBalancerIp, address: "fd00::1" }, why: "taken too" },
      { service: "ns/web", protocol: "TCP", frontend: { ...loadBalancerIp, kind: "ExternalIP" }, why: "taken" },
      { service: "ns/web", protocol: "TCP", frontend: { ...loadBalancerIp, address: undefined }, why: "no address" },
    ],
    isolated: [{ service: "ns/bad", family: "IPv6", why: "line 3" }],
  });
  expect(reportedLosses(parseReport(text))).toEqual([
    { service: "ns/web", what: "TCP port 80 of 192.0.2.1", why: "taken" },
    { service: "ns/web", what: "UDP port 80 of fd00::1", why: "taken too" },
    { service: "ns/bad", what: "IPv6", why: "line 3" },
  ]);
});

it.each([
  ["Service ns/other has it and is older", "Service ns/other has it and is older"],
  ["Service secret/other has it: it was", "a Service of another namespace has it: it was"],
  ["it is a node port of Service ns2/web", "it is a node port of a Service of another namespace"],
])("names no Service of another namespace: %s", (why, expected) => {
  const refused = [{ service: "ns/web", protocol: "TCP" as const, frontend: loadBalancerIp, why }];
  const text = renderReport({ programmed, refused, isolated: [{ service: "ns/bad", family: "IPv4", why }] });
  expect(reportedLosses(parseReport(text)).map((loss) => loss.why)).toEqual([expected, expected]);
});

it("is read back with what it counts", () => {
  const text =
    '{"programmed":{"IPv4":"x"},"refused":[{"service":"ns/web","frontend":7,"why":"taken"},null],"omitted":2}';
  expect(parseReport(text)).toEqual({
    programmed: ["IPv4"],
    refused: [{ service: "ns/web", why: "taken" }],
    isolated: [],
    omitted: 2,
  });
});

it.each([
  ["", "null", "[]", "{", '{"refused":3,"isolated":{}}', '{"refused":[null,7,{}],"isolated":[{"service":"a/b"}]}'],
  ['{"refused":[{"service":"a/b","frontend":"LoadBalancerIP nonsense:80/TCP","why":"x"}]}'],
  ['{"isolated":[{"service":"a/b","family":"IPX","why":"x"}]}'],
])("what is no report says nothing: %j", (...texts) => {
  expect(texts.flatMap((text) => reportedLosses(parseReport(text)))).toEqual([]);
});
