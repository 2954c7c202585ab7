import fc from "fast-check";
import { expect, it } from "vitest";
import { UsageError } from "../base/index.ts";
import { type BalancerConfig, parseBalancerConfig, renderBalancerConfig } from "./config.ts";
import { parseBalancerStatus, renderBalancerStatus } from "./status.ts";

const good: BalancerConfig = {
  addresses: ["10.0.0.5", "fd00::5"],
  ports: [{ protocol: "TCP", port: 80, nodePort: 30_080 }],
  targets: [{ name: "a", addresses: ["10.1.0.1"] }],
  healthCheck: {
    port: 10_256,
    path: "/healthz",
    intervalMs: 2000,
    timeoutMs: 3000,
    unhealthyAfter: 2,
    healthyAfter: 1,
  },
  sourceRanges: ["10.0.0.0/8"],
  sessionAffinity: { kind: "None" },
  drainSeconds: 300,
};

function parse(value: unknown): BalancerConfig {
  return parseBalancerConfig(JSON.stringify(value), "config.json");
}

it("reads what it writes", () => {
  expect(parseBalancerConfig(renderBalancerConfig(good), "config.json")).toEqual(good);
});

it("brings addresses and prefixes to their canonical form", () => {
  const { addresses, sourceRanges } = parse({ ...good, addresses: ["FD00:0::5"], sourceRanges: ["10.1.2.3/8"] });
  expect({ addresses, sourceRanges }).toEqual({ addresses: ["fd00::5"], sourceRanges: ["10.0.0.0/8"] });
});

it.each<[string, object, RegExp]>([
  ["no address", { addresses: [] }, /^config\.json: addresses: /],
  ["a bad address", { addresses: ["10.0.0.5", "010.0.0.1"] }, /^config\.json: addresses\[1\]: "010\.0\.0\.1" is no IP/],
  ["a zone", { addresses: ["fe80::1%eth0"] }, /addresses\[0\]: /],
  ["SCTP", { ports: [{ protocol: "SCTP", port: 1, nodePort: 1 }] }, /^config\.json: ports\[0\]\.protocol: /],
  ["no nodePort", { ports: [{ protocol: "TCP", port: 1 }] }, /^config\.json: ports\[0\]\.nodePort: /],
  ["nodePort 0", { ports: [{ protocol: "TCP", port: 1, nodePort: 0 }] }, /^config\.json: ports\[0\]\.nodePort: /],
  ["a port twice", { ports: [...good.ports, ...good.ports] }, /^config\.json: ports: two entries of one protocol/],
  [
    "a target twice",
    { targets: [...good.targets, ...good.targets] },
    /^config\.json: targets: two entries of one name/,
  ],
  ["a path with a space", { healthCheck: { ...good.healthCheck, path: "/a b" } }, /^config\.json: healthCheck\.path: /],
  [
    "a bad range",
    { sourceRanges: ["10.0.0.0/33"] },
    /^config\.json: sourceRanges\[0\]: "10\.0\.0\.0\/33" is no prefix/,
  ],
  ["an unknown affinity", { sessionAffinity: { kind: "Cookie" } }, /^config\.json: sessionAffinity\.kind: /],
  [
    "an affinity without end",
    { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 86_401 } },
    /^config\.json: sessionAffinity\.timeoutSeconds: /,
  ],
  ["draining without end", { drainSeconds: 3601 }, /^config\.json: drainSeconds: /],
  ["an unknown field", { wight: 1 }, /^config\.json: the document: .*wight/],
])("refuses %s and names the field", (_, change, message) => {
  expect(() => parse({ ...good, ...change })).toThrow(UsageError);
  expect(() => parse({ ...good, ...change })).toThrow(message);
});

it("turns any text into a configuration or one line", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.object().map((o) => JSON.stringify({ ...good, ...o })),
      ),
      (text) => {
        try {
          const config = parseBalancerConfig(text, "f");
          expect(parseBalancerConfig(renderBalancerConfig(config), "f")).toEqual(config);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          expect((error as Error).message).not.toContain("\n");
        }
      },
    ),
  );
});

it("takes a status of another shape for none", () => {
  const status = { applied: "x", targets: [{ name: "a", healthy: true, reason: "answers" }], failure: "no" };
  expect(parseBalancerStatus(renderBalancerStatus(status))).toEqual(status);
  for (const text of ["", "{", "[]", '{"applied":1,"targets":[]}']) expect(parseBalancerStatus(text)).toBeUndefined();
});
