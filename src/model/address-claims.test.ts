import fc from "fast-check";
import { expect, it } from "vitest";
import { AddressClaims } from "./index.ts";

interface Wanted {
  readonly key: string;
  readonly createdAt: string;
  readonly addresses: readonly string[];
  readonly ports: readonly string[];
}

function set(claims: AddressClaims, { key, createdAt, addresses, ports }: Wanted): readonly string[] {
  const touched = claims.set({ key, createdAt, uid: `uid-${key}` }, { addresses: new Set(addresses), ports });
  return [...touched].sort();
}

const old: Wanted = { key: "ns/old", createdAt: "2026-01-01", addresses: ["a", "b"], ports: ["TCP 443"] };
const middle: Wanted = {
  key: "ns/middle",
  createdAt: "2026-01-02",
  addresses: ["b", "c"],
  ports: ["TCP 443", "TCP 80"],
};
const young: Wanted = { key: "ns/young", createdAt: "2026-01-03", addresses: ["b", "c"], ports: ["TCP 80"] };

it("the older one gets the address, and the loser takes over when it goes", () => {
  const claims = new AddressClaims();
  expect(set(claims, middle)).toEqual([]);
  expect(set(claims, old)).toEqual(["ns/middle"]);
  expect(claims.losses("ns/old")).toEqual([]);
  expect(claims.losses("ns/middle")).toEqual([{ address: "b", to: "ns/old", ports: ["TCP 443"] }]);
  expect([...claims.forget("ns/old")]).toEqual(["ns/middle"]);
  expect(claims.losses("ns/middle")).toEqual([]);
});

it("of the same second the smaller UID has it, and another protocol or address is no conflict", () => {
  const claims = new AddressClaims();
  for (const key of ["ns/b", "ns/a"]) set(claims, { ...old, key });
  set(claims, { ...old, key: "ns/0", createdAt: "2026-01-09", ports: ["UDP 443"] });
  set(claims, { ...old, key: "ns/1", createdAt: "2026-01-09", addresses: ["z"] });
  expect(["ns/a", "ns/b", "ns/0", "ns/1"].map((key) => claims.losses(key).length)).toEqual([0, 2, 0, 0]);
});

it("who does not get an address, because of another port, keeps nobody from it", () => {
  const claims = new AddressClaims();
  for (const wanted of [young, middle, old]) set(claims, wanted);
  expect(claims.losses("ns/young")).toEqual([{ address: "c", to: "ns/middle", ports: ["TCP 80"] }]);
  expect([...claims.forget("ns/old")].sort()).toEqual(["ns/middle", "ns/young"]);
  expect(claims.losses("ns/young").map(({ address }) => address)).toEqual(["b", "c"]);
});

it("touches nobody when nothing is new", () => {
  const claims = new AddressClaims();
  set(claims, young);
  set(claims, middle);
  expect(set(claims, middle)).toEqual([]);
  expect([...claims.forget("ns/unknown")]).toEqual([]);
});

const anyWanted = fc.record({
  key: fc.constantFrom("ns/a", "ns/b", "ns/c", "ns/d", "ns/e"),
  createdAt: fc.constantFrom("1", "2", "3"),
  addresses: fc.subarray(["x", "y", "z"]),
  ports: fc.subarray(["TCP 80", "TCP 443", "UDP 53"], { minLength: 1 }),
  gone: fc.boolean(),
});

it("in whatever order: nobody shares a port of an address, nobody could have more, and all who are affected are told", () => {
  fc.assert(
    fc.property(fc.array(anyWanted, { maxLength: 20 }), (steps) => {
      const claims = new AddressClaims();
      const now = new Map<string, Wanted>();
      const keys = ["ns/a", "ns/b", "ns/c", "ns/d", "ns/e"];
      const lost = (key: string, of = claims): string => JSON.stringify(of.losses(key));
      for (const { gone, ...wanted } of steps) {
        const before = new Map(keys.map((key) => [key, lost(key)]));
        if (gone) now.delete(wanted.key);
        else now.set(wanted.key, wanted);
        const touched = gone ? [...claims.forget(wanted.key)] : set(claims, wanted);
        for (const key of keys)
          if (key !== wanted.key && !touched.includes(key)) expect(lost(key), key).toBe(before.get(key));
      }
      const fresh = new AddressClaims();
      for (const wanted of now.values()) set(fresh, wanted);
      const held = new Set<string>();
      const sorted = [...now.values()].sort((a, b) => (`${a.createdAt} ${a.key}` < `${b.createdAt} ${b.key}` ? -1 : 1));
      for (const { key, addresses, ports } of sorted) {
        expect(new Set(claims.losses(key).map(({ address }) => address))).toEqual(
          new Set(fresh.losses(key).map(({ address }) => address)),
        );
        const missed = claims.losses(key).map(({ address }) => address);
        for (const address of addresses) {
          const ids = ports.map((port) => `${address} ${port}`);
          expect(missed.includes(address)).toBe(ids.some((id) => held.has(id)));
          if (!missed.includes(address)) for (const id of ids) held.add(id);
        }
      }
    }),
  );
});
