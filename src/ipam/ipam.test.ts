import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIp, type Ip, parseIp } from "../net/index.ts";
import { AddressLedger, type AddressPool, type ClaimResult, openPool } from "./index.ts";
import type { AddressClaim } from "./ledger.ts";
import { poolContains } from "./pool.ts";
import { parseRange } from "./range.ts";

const asker = {
  namespaceLabels: { team: "blue" },
  serviceLabels: { tier: "web" },
  loadBalancerClass: "example.com/lb",
};

function ip(text: string): Ip {
  return parseIp(text)!;
}

function pool(name: string, ranges: readonly string[], extra: Partial<AddressPool> = {}): AddressPool {
  return {
    ...openPool(
      name,
      ranges.map((text) => parseRange(text)!),
    ),
    ...extra,
  };
}

function ledgerOf(...pools: readonly AddressPool[]): AddressLedger {
  const ledger = new AddressLedger();
  ledger.setPools(pools);
  return ledger;
}

function shown(result: ClaimResult): string {
  if ("refused" in result) return result.refused;
  return `${formatIp(result.ip)}${result.stray === undefined ? "" : " stray"}`;
}

function claim(ledger: AddressLedger, owner: string, wish: Partial<AddressClaim> = {}): string {
  return shown(ledger.claim({ owner, family: "IPv4", asker, ...wish }));
}

function why(ledger: AddressLedger, wish: Partial<AddressClaim>): string {
  const result = ledger.claim({ owner: "who asks", family: "IPv4", asker, ...wish });
  return "refused" in result ? result.message : "given";
}

describe("a ledger", () => {
  it("gives the lowest free address, ranges in order, and the same one again to its owner", () => {
    const ledger = ledgerOf(pool("a", ["10.0.1.0/30", "10.0.0.0/30"]));
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
    const ledger = ledgerOf(pool("a", ["10.0.0.0/24"]));
    const wish = { wanted: ip("10.0.0.9") };
    expect(["a", "a", "b"].map((owner) => claim(ledger, owner, wish))).toEqual([
      "10.0.0.9",
      "10.0.0.9",
      "AddressInUse",
    ]);
    expect(claim(ledger, "b", { wanted: ip("10.0.1.9") })).toBe("AddressNotInPool");
    expect(claim(ledger, "b", { wanted: ip("10.0.0.255") })).toBe("AddressNotInPool");
  });

  it("keeps adopted addresses with their owners, even those that no pool has", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/30"]));
    expect(ledger.adopt("old", ip("10.0.0.1"))).toBe(true);
    expect(ledger.adopt("other", ip("10.0.0.1"))).toBe(false);
    expect(ledger.adopt("moved", ip("192.0.2.1"))).toBe(true);
    expect(claim(ledger, "new")).toBe("10.0.0.2");
    expect(claim(ledger, "moved")).toBe("192.0.2.1 stray");
    expect(claim(ledger, "moved", { wanted: ip("192.0.2.1") })).toBe("192.0.2.1 stray");
    expect([...ledger.strays()]).toEqual(["moved"]);
  });

  it("holds old and new address while an owner moves, then lets the old one go", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/29"]));
    claim(ledger, "a");
    claim(ledger, "a", { wanted: ip("10.0.0.4") });
    expect(ledger.heldBy("a").map(formatIp)).toEqual(["10.0.0.1", "10.0.0.4"]);
    expect(claim(ledger, "b")).toBe("10.0.0.2");
    expect(ledger.release("a", [ip("10.0.0.4")])).toBe(true);
    expect(claim(ledger, "c")).toBe("10.0.0.1");
  });

  it("gives away nothing that a Service of another controller uses", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/30"]));
    ledger.noteForeign("foreign", [ip("10.0.0.1")]);
    expect(claim(ledger, "a")).toBe("10.0.0.2");
    expect(claim(ledger, "b")).toBe("AddressPoolExhausted");
    expect(claim(ledger, "b", { wanted: ip("10.0.0.1") })).toBe("AddressInUse");
    expect(ledger.usageOf("a")).toMatchObject({ used: 2, free: 0n });
    expect(ledger.noteForeign("foreign", [])).toBe(true);
    expect(claim(ledger, "b")).toBe("10.0.0.1");
  });

  it("keeps an address in use as long as one of two uses it", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.1/32"]));
    claim(ledger, "ours");
    ledger.noteForeign("foreign", [ip("10.0.0.1")]);
    expect(ledger.release("ours")).toBe(false);
    expect(claim(ledger, "next")).toBe("AddressPoolExhausted");
    expect(ledger.noteForeign("foreign", [])).toBe(true);
    expect(claim(ledger, "next")).toBe("10.0.0.1");
  });

  it("leaves a Service that becomes ours what it has", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/29"]));
    ledger.noteForeign("web", [ip("10.0.0.5")]);
    ledger.adoptForeign("web");
    expect(claim(ledger, "web")).toBe("10.0.0.5");
    expect(ledger.release("web")).toBe(true);
    expect(ledger.usageOf("a")).toMatchObject({ used: 0, free: 6n });
  });
});

describe("pools", () => {
  it("are asked by priority, then by name", () => {
    const ledger = ledgerOf(
      pool("b", ["10.0.1.1/32"]),
      pool("a", ["10.0.0.1/32"]),
      pool("c", ["10.0.2.1/32"], { priority: 1 }),
    );
    expect(["1", "2", "3", "4"].map((owner) => claim(ledger, owner))).toEqual([
      "10.0.2.1",
      "10.0.0.1",
      "10.0.1.1",
      "AddressPoolExhausted",
    ]);
  });

  it.each<[string, Partial<AddressPool>, string]>([
    [
      "the namespace",
      { namespaceSelector: { matchLabels: { team: "red" } } },
      "its namespaceSelector does not select the namespace",
    ],
    [
      "the Service",
      { serviceSelector: { matchLabels: { tier: "db" } } },
      "its serviceSelector does not select the Service",
    ],
    ["the class", { loadBalancerClasses: ["example.com/other"] }, "it is not for the class example.com/lb"],
    ["nobody, as it is disabled", { disabled: true }, "it is disabled"],
  ])("that are not for %s give nothing, wanted or not, and say so", (_, extra, reason) => {
    const ledger = ledgerOf(pool("lab", ["10.0.0.0/24"], extra));
    expect(why(ledger, {})).toBe(
      `no pool gives this Service IPv4 addresses (pool lab: ${reason}); create an IPAddressPool that does, or start the controller with --address-pool`,
    );
    const closed = `pool lab: ${reason}; change that or ask for something else`;
    expect(why(ledger, { wanted: ip("10.0.0.7") })).toBe(closed);
    expect(why(ledger, { pool: "lab" })).toBe(closed);
    ledger.adopt("before", ip("10.0.0.9"));
    expect(claim(ledger, "before")).toBe("10.0.0.9");
  });

  it("that may be for a namespace are waited for, not those behind them", () => {
    const selector = { namespaceSelector: { matchLabels: { team: "blue" } } };
    const ledger = ledgerOf(pool("a", ["10.0.0.0/24"], selector), pool("b", ["10.0.1.0/24"]));
    const stranger = { ...asker, namespaceLabels: undefined };
    expect(claim(ledger, "web", { asker: stranger })).toBe("NamespaceUnknown");
    expect(claim(ledger, "web", { asker: stranger, wanted: ip("10.0.0.7") })).toBe("NamespaceUnknown");
    expect(claim(ledger, "web", { asker: stranger, pool: "b" })).toBe("10.0.1.1");
    expect(claim(ledger, "next")).toBe("10.0.0.1");
  });

  it("that one asks for must exist, have the family and have what is wanted", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/24"]), pool("b", ["10.0.1.0/24"]));
    expect(claim(ledger, "web", { pool: "b" })).toBe("10.0.1.1");
    expect(claim(ledger, "x", { pool: "c" })).toBe("AddressPoolNotFound");
    expect(claim(ledger, "x", { pool: "c", wanted: ip("10.0.0.1") })).toBe("AddressPoolNotFound");
    expect(claim(ledger, "x", { pool: "b", family: "IPv6" })).toBe("AddressPoolMissing");
    expect(why(ledger, { pool: "b", wanted: ip("10.0.0.1") })).toBe(
      "10.0.0.1 is not in the pool b; IPv4 pools: b (10.0.1.0/24); ask for an address of these",
    );
  });

  it("that one asks for instead of another give it a new address", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/24"]), pool("b", ["10.0.1.0/24"]));
    expect(claim(ledger, "web")).toBe("10.0.0.1");
    expect(claim(ledger, "web", { pool: "b", leaves: true })).toBe("10.0.1.1");
    expect(claim(ledger, "web", { pool: "b" })).toBe("10.0.1.1");
  });

  it("that shrink or go leave what they gave, until the owner wants another pool that exists", () => {
    const ledger = ledgerOf(pool("a", ["10.0.0.0/24"]));
    claim(ledger, "web", { pool: "a" });
    ledger.setPools([pool("a", ["10.0.9.0/24"]), pool("b", ["10.0.1.0/24"])]);
    expect(claim(ledger, "web", { pool: "a" })).toBe("10.0.0.1 stray");
    expect(claim(ledger, "web", { pool: "c", leaves: true })).toBe("10.0.0.1 stray");
    expect(claim(ledger, "web", { pool: "b", leaves: true })).toBe("10.0.1.1");
  });

  it("with one address give only from the oldest; it stays so for what was given, and is over when that goes", () => {
    const [old, young] = [{ createdAt: "2026-01-01T00:00:00Z" }, { createdAt: "2026-01-02T00:00:00Z" }];
    const before = pool("z-old", ["10.0.0.0/30"], old);
    const after = pool("a-young", ["10.0.0.2-10.0.0.9"], { ...young, priority: 9 });
    const ledger = ledgerOf(after);
    expect(claim(ledger, "early")).toBe("10.0.0.2");
    ledger.setPools([after, before]);
    expect(ledger.usageOf("a-young")).toEqual({
      used: 1,
      free: 7n,
      overlap: { range: "10.0.0.2-10.0.0.9", otherPool: "z-old", otherRange: "10.0.0.0/30" },
    });
    expect(["early", "1", "2"].map((owner) => claim(ledger, owner))).toEqual([
      "10.0.0.2",
      "10.0.0.1",
      "AddressPoolExhausted",
    ]);
    ledger.setPools([after]);
    expect(claim(ledger, "2")).toBe("10.0.0.3");
  });
});

const owners = ["a", "b", "c", "d", "e", "f"];
const owner = fc.constantFrom(...owners);
const last = fc.integer({ min: 0, max: 20 });
/** Overlapping, selective, disabled and larger ones. */
const shelf: readonly AddressPool[] = [
  pool("one", ["10.0.0.0/29", "10.0.0.8/31"]),
  pool("two", ["10.0.0.4-10.0.0.12"], { createdAt: "2026-01-02T00:00:00Z", priority: 1 }),
  pool("three", ["10.0.0.14-10.0.0.18"], { createdAt: "2026-01-03T00:00:00Z" }),
  pool("closed", ["10.0.0.19-10.0.0.20"], { disabled: true }),
  pool("red", ["10.0.0.13/32"], { serviceSelector: { matchLabels: { tier: "db" } } }),
];
const operation = fc.oneof(
  fc.record({ kind: fc.constant("claim" as const), owner }),
  fc.record({ kind: fc.constant("want" as const), owner, last }),
  fc.record({ kind: fc.constant("ask" as const), owner, pool: fc.constantFrom("one", "two", "none") }),
  fc.record({ kind: fc.constant("adopt" as const), owner, last }),
  fc.record({ kind: fc.constant("foreign" as const), owner, lasts: fc.array(last, { maxLength: 3 }) }),
  fc.record({ kind: fc.constant("release" as const), owner }),
  fc.record({ kind: fc.constant("pools" as const), pools: fc.subarray([...shelf]) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function at(number: number): Ip {
  return ip(`10.0.0.${number}`);
}

/** The claims of a history and what came of them; what is given must be the owner's and of an open pool. */
function play(history: readonly Operation[]): { ledger: AddressLedger; given: string[] } {
  let pools = shelf;
  const ledger = ledgerOf(...pools);
  const given: string[] = [];
  for (const step of history) {
    if (step.kind === "release") ledger.release(step.owner);
    else if (step.kind === "adopt") ledger.adopt(step.owner, at(step.last));
    else if (step.kind === "foreign") ledger.noteForeign(`foreign ${step.owner}`, step.lasts.map(at));
    else if (step.kind === "pools") {
      pools = step.pools;
      ledger.setPools(pools);
    } else {
      const wanted = step.kind === "want" ? at(step.last) : undefined;
      const before = ledger.heldBy(step.owner);
      const wish = { owner: step.owner, family: "IPv4" as const, wanted, asker };
      const result = ledger.claim(step.kind === "ask" ? { ...wish, pool: step.pool } : wish);
      given.push(shown(result));
      if ("refused" in result) continue;
      expect(ledger.ownerOf(result.ip)).toBe(step.owner);
      if (wanted !== undefined) expect(result.ip).toEqual(wanted);
      if (before.includes(result.ip)) continue;
      const home = pools.find((one) => poolContains(one, result.ip) && ledger.usageOf(one.name)?.overlap === undefined);
      expect([home?.disabled, home?.serviceSelector]).toEqual([false, undefined]);
    }
  }
  return { ledger, given };
}

describe("whatever happens", () => {
  it("no address has two owners or comes from a pool that is closed, and history repeats itself", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (history) => {
        const { ledger, given } = play(history);
        const all = owners.flatMap((one) => ledger.heldBy(one).map(formatIp));
        expect(new Set(all).size).toBe(all.length);
        expect(play(history).given).toEqual(given);
      }),
      { numRuns: 300 },
    );
  });

  it("no address is lost: when all let go, all can be had again", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (history) => {
        const { ledger } = play(history);
        for (const one of owners) {
          ledger.release(one);
          ledger.noteForeign(`foreign ${one}`, []);
        }
        const fresh = ledgerOf(pool("all", ["10.0.0.1-10.0.0.20"]));
        ledger.setPools([pool("all", ["10.0.0.1-10.0.0.20"])]);
        expect(ledger.usageOf("all")).toEqual({ used: 0, free: 20n, overlap: undefined });
        for (let i = 0; i < 21; i++) expect(claim(ledger, `new ${i}`)).toBe(claim(fresh, `new ${i}`));
      }),
      { numRuns: 300 },
    );
  });

  it("usage is counted as if from the start", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.subarray([...shelf]), (history, pools) => {
        const { ledger } = play(history);
        const names = shelf.map(({ name }) => name);
        const counted = [...history].reverse().find((step) => step.kind === "pools")?.pools ?? shelf;
        const running = names.map((name) => ledger.usageOf(name));
        ledger.setPools(pools);
        ledger.setPools(counted);
        expect(names.map((name) => ledger.usageOf(name))).toEqual(running);
      }),
    );
  });

  it("of pools that overlap the older ones give, and no two that give have an address in common", () => {
    const range = fc.tuple(last, last).map(([a, b]) => `10.0.0.${Math.min(a, b)}-10.0.0.${Math.max(a, b)}`);
    const pools = fc
      .uniqueArray(fc.record({ day: fc.integer({ min: 1, max: 9 }), range }), {
        selector: ({ day }) => day,
        maxLength: 6,
      })
      .map((all) =>
        all.map(({ day, range: text }) => pool(`p${day}`, [text], { createdAt: `2026-01-0${day}T00:00:00Z` })),
      );
    fc.assert(
      fc.property(pools, (all) => {
        const ledger = ledgerOf(...all);
        const open = all.filter(({ name }) => ledger.usageOf(name)?.overlap === undefined);
        const numbers = Array.from({ length: 21 }, (_, i) => at(i));
        for (const address of numbers) expect(open.filter((one) => poolContains(one, address)).length).toBeLessThan(2);
        for (const closed of all.filter((one) => !open.includes(one)))
          expect(
            open.some(
              (one) =>
                one.createdAt < closed.createdAt &&
                numbers.some((n) => poolContains(one, n) && poolContains(closed, n)),
            ),
          ).toBe(true);
      }),
    );
  });

  it("after a restart everybody has what he had, in whatever order he asks", () => {
    const restart = fc.record({
      history: fc.array(operation, { maxLength: 60 }),
      order: fc.shuffledSubarray(owners, { minLength: 6 }),
    });
    fc.assert(
      fc.property(restart, ({ history, order }) => {
        const { ledger } = play(history);
        const again = ledgerOf(...shelf);
        for (const one of order) for (const address of ledger.heldBy(one)) again.adopt(one, address);
        for (const one of order) {
          const [first] = ledger.heldBy(one);
          if (first !== undefined) expect(claim(again, one).replace(" stray", "")).toBe(formatIp(first));
        }
      }),
    );
  });
});
