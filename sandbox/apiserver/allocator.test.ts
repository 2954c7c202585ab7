import fc from "fast-check";
import { expect, it } from "vitest";
import type { Service } from "../../src/api/index.ts";
import { systemRandom } from "../../src/base/index.ts";
import { type Cidr, parseCidr } from "../../src/net/index.ts";
import { ServiceAddresses } from "./addresses.ts";
import { nextFree, staticBand } from "./allocator.ts";

it.each([
  [2768n, 86n],
  [16n, 0n],
  [17n, 16n],
  [65_535n, 128n],
])("keeps %i ports' first %i for requests (KEP-3668)", (size, band) =>
  expect(staticBand(size, { min: 16n, max: 128n, step: 32n })).toBe(band),
);

it.each([
  [256n, 16n],
  [4096n, 256n],
  [65_536n, 256n],
  [16n, 0n],
])("keeps %i addresses' first %i for requests (KEP-3070)", (size, band) =>
  expect(staticBand(size, { min: 16n, max: 256n, step: 16n })).toBe(band),
);

it("finds a free number exactly when there is one, and a static one only when all others are taken", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(40), fc.nat(40), fc.array(fc.nat(40)), random, (size, band, takenList, start) => {
      const taken = new Set(takenList.map(BigInt));
      const range = { first: 0n, size: BigInt(size), staticBand: BigInt(Math.min(band, size)) };
      const free = Array.from({ length: size }, (_, i) => BigInt(i)).filter((value) => !taken.has(value));
      const found = nextFree(
        range,
        (value) => taken.has(value),
        () => start,
      );
      const dynamic = free.filter((value) => value >= range.staticBand);
      expect(dynamic.length > 0 ? dynamic : free.length > 0 ? free : [undefined]).toContain(found);
    }),
  );
});

it("never hands out what a Service holds, and gives back what it released", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ release: fc.boolean(), index: fc.nat(20) }), { maxLength: 60 }), (steps) => {
      const addresses = new ServiceAddresses(
        { cidrs: [cidr("10.0.0.0/28")], nodePorts: { first: 30_000, last: 30_009 } },
        systemRandom,
      );
      const held: Service[] = [];
      for (const { release, index } of steps) {
        const old = held[index % Math.max(held.length, 1)];
        if (release && old !== undefined) {
          addresses.release(old);
          held.splice(held.indexOf(old), 1);
          continue;
        }
        const request = addresses.request();
        if (held.length === 10) {
          expect(() => request.port()).toThrow("range is full");
          continue;
        }
        const service: Service = {
          metadata: {},
          spec: { clusterIPs: [request.address("IPv4")], ports: [{ port: 1, nodePort: request.port() }] },
        };
        const all = held.flatMap(({ spec }) => [spec?.clusterIPs?.[0], spec?.ports?.[0]?.nodePort]);
        expect(all).not.toContain(service.spec?.clusterIPs?.[0]);
        expect(all).not.toContain(service.spec?.ports?.[0]?.nodePort);
        addresses.hold(service);
        held.push(service);
      }
    }),
  );
});

it("says why a request cannot be met", () => {
  const addresses = new ServiceAddresses(
    { cidrs: [cidr("10.0.0.0/24")], nodePorts: { first: 30_000, last: 30_100 } },
    systemRandom,
  );
  addresses.hold({ metadata: {}, spec: { clusterIPs: ["10.0.0.9"], ports: [{ port: 1, nodePort: 30_001 }] } });
  const request = addresses.request();
  expect(() => request.claimAddress("10.0.0.9")).toThrow("provided IP is already allocated");
  expect(() => request.claimAddress("10.0.0.0")).toThrow(
    "the provided IP (10.0.0.0) is not in the valid range. The range of valid IPs is 10.0.0.0/24",
  );
  expect(() => request.claimAddress("10.1.0.1")).toThrow("the provided network does not match the current range");
  expect(() => request.claimPort(30_001)).toThrow("provided port is already allocated");
  expect(() => request.claimPort(80)).toThrow("The range of valid ports is 30000-30100");
  request.claimPort(30_002);
  expect(() => request.claimPort(30_002)).toThrow("provided port is already allocated");
});

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
}
