import fc from "fast-check";
import { expect, it } from "vitest";
import { cidrContains, formatIp, type Ip, parseCidr, parseIp } from "../net/index.ts";
import { AddressLedger, type AddressPool, addressPool } from "./index.ts";
import { isUsable, usableOffsets } from "./pool.ts";

function ip(text: string): Ip {
  return parseIp(text)!;
}

function pool(...texts: string[]): AddressPool {
  const made = addressPool(texts.map((text) => parseCidr(text)!));
  if ("overlap" in made) throw new Error("overlap");
  return made;
}

function claim(ledger: AddressLedger, owner: string, wanted?: string): string {
  const result = ledger.claim({ owner, family: "IPv4", wanted: wanted === undefined ? undefined : ip(wanted) });
  return "ip" in result ? formatIp(result.ip) : result.refused;
}

it("refuses prefixes that overlap", () => {
  expect(addressPool([parseCidr("10.0.0.0/24")!, parseCidr("10.0.0.128/25")!])).toHaveProperty("overlap");
  expect(addressPool([parseCidr("10.0.0.0/24")!, parseCidr("::/0")!])).toHaveProperty("prefixes");
});

it.each([
  ["10.0.0.0/24", 1n, 254n],
  ["10.0.0.0/30", 1n, 2n],
  ["10.0.0.0/31", 0n, 1n],
  ["10.0.0.7/32", 0n, 0n],
  ["fd00::/126", 1n, 3n],
  ["fd00::/127", 0n, 1n],
  ["fd00::/64", 1n, 2n ** 64n - 1n],
])("%s gives offsets %s to %s away", (text, first, last) => {
  expect(usableOffsets(parseCidr(text)!)).toEqual({ first, last });
});

it("gives the lowest free address, prefixes in order, and the same one again to its owner", () => {
  const ledger = new AddressLedger(pool("10.0.1.0/30", "10.0.0.0/30"));
  expect(["a", "b", "c", "a", "d", "e"].map((owner) => claim(ledger, owner))).toEqual([
    "10.0.1.1",
    "10.0.1.2",
    "10.0.0.1",
    "10.0.1.1",
    "10.0.0.2",
    "AddressPoolExhausted",
  ]);
  ledger.release("b");
  expect(claim(ledger, "e")).toBe("10.0.1.2");
});

it("honours a wanted address or says why not", () => {
  const ledger = new AddressLedger(pool("10.0.0.0/24"));
  expect(claim(ledger, "a", "10.0.0.9")).toBe("10.0.0.9");
  expect(claim(ledger, "a", "10.0.0.9")).toBe("10.0.0.9");
  expect(claim(ledger, "b", "10.0.0.9")).toBe("AddressInUse");
  expect(claim(ledger, "b", "10.0.1.9")).toBe("AddressNotInPool");
  expect(claim(ledger, "b", "10.0.0.255")).toBe("AddressNotInPool");
});

it("says what the pool is when there is no address of a family", () => {
  const result = new AddressLedger(pool("10.0.0.0/24")).claim({ owner: "a", family: "IPv6" });
  expect(result).toEqual({
    refused: "AddressPoolExhausted",
    message: "no IPv6 address is free; there is no IPv6 pool; add another --address-pool",
  });
});

it("keeps adopted addresses with their owners, even outside the pool", () => {
  const ledger = new AddressLedger(pool("10.0.0.0/30"));
  expect(ledger.adopt("old", ip("10.0.0.1"))).toBe(true);
  expect(ledger.adopt("other", ip("10.0.0.1"))).toBe(false);
  expect(ledger.adopt("moved", ip("192.0.2.1"))).toBe(true);
  expect(claim(ledger, "new")).toBe("10.0.0.2");
  expect(claim(ledger, "moved")).toBe("192.0.2.1");
  expect(claim(ledger, "moved", "192.0.2.1")).toBe("192.0.2.1");
});

it("holds old and new address while an owner moves, then lets the old one go", () => {
  const ledger = new AddressLedger(pool("10.0.0.0/29"));
  claim(ledger, "a");
  claim(ledger, "a", "10.0.0.4");
  expect(ledger.heldBy("a").map(formatIp)).toEqual(["10.0.0.1", "10.0.0.4"]);
  expect(claim(ledger, "b")).toBe("10.0.0.2");
  ledger.release("a", [ip("10.0.0.4")]);
  expect(claim(ledger, "c")).toBe("10.0.0.1");
});

const owners = ["a", "b", "c", "d", "e", "f"];
const operation = fc.oneof(
  fc.record({ kind: fc.constant("claim" as const), owner: fc.constantFrom(...owners) }),
  fc.record({
    kind: fc.constant("want" as const),
    owner: fc.constantFrom(...owners),
    last: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({
    kind: fc.constant("adopt" as const),
    owner: fc.constantFrom(...owners),
    last: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({ kind: fc.constant("release" as const), owner: fc.constantFrom(...owners) }),
);

function play(history: readonly (typeof operation extends fc.Arbitrary<infer T> ? T : never)[]): {
  ledger: AddressLedger;
  given: string[];
} {
  const ledger = new AddressLedger(pool("10.0.0.0/29", "10.0.0.8/31"));
  const given: string[] = [];
  const adopted = new Set<string>();
  for (const step of history) {
    if (step.kind === "release") ledger.release(step.owner);
    else if (step.kind === "adopt") {
      if (ledger.adopt(step.owner, ip(`10.0.0.${step.last}`))) adopted.add(`10.0.0.${step.last}`);
    } else {
      const wanted = step.kind === "want" ? ip(`10.0.0.${step.last}`) : undefined;
      const result = ledger.claim({ owner: step.owner, family: "IPv4", wanted });
      if ("refused" in result) {
        given.push(result.refused);
        continue;
      }
      expect(ledger.ownerOf(result.ip)).toBe(step.owner);
      expect(isUsable(pool("10.0.0.0/29", "10.0.0.8/31"), result.ip) || adopted.has(formatIp(result.ip))).toBe(true);
      if (wanted !== undefined) expect(formatIp(result.ip)).toBe(formatIp(wanted));
      given.push(formatIp(result.ip));
    }
  }
  return { ledger, given };
}

it("never gives an address to two owners nor one from outside, and repeats itself", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (history) => {
      const { ledger, given } = play(history);
      const all = owners.flatMap((owner) => ledger.heldBy(owner).map(formatIp));
      expect(new Set(all).size).toBe(all.length);
      expect(play(history).given).toEqual(given);
    }),
  );
});

it("gives every usable address away before it is exhausted", () => {
  const bits = fc.integer({ min: 24, max: 32 });
  fc.assert(
    fc.property(bits, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 }), (prefix, taken) => {
      const text = `10.0.0.0/${prefix}`;
      const cidr = parseCidr(text)!;
      const ledger = new AddressLedger(pool(text));
      for (const last of taken) ledger.adopt("before", ip(`10.0.0.${last}`));
      let count = 0;
      while (claim(ledger, `owner ${count}`) !== "AddressPoolExhausted") count++;
      const { first, last } = usableOffsets(cidr);
      const before = ledger.heldBy("before").filter((a) => cidrContains(cidr, a) && isUsable(pool(text), a)).length;
      expect(count).toBe(Number(last - first) + 1 - before);
    }),
  );
});
