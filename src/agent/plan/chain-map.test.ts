import fc from "fast-check";
import { expect, it } from "vitest";
import { ChainMap, ChainMapBuilder, differingChains, editChains, ruleTotal } from "./chain-map.ts";

const name = fc.integer({ min: 0, max: 40 }).map((n) => `KUBE-SVC-${"ABCDEFGH"[n % 8]}${n}`);
const lines = fc.array(fc.constantFrom("-j A", "-j B"), { maxLength: 3 });
const how = fc.constantFrom("go on", "edit", "edit another map");
const step = fc.tuple(name, fc.option(lines, { nil: undefined }));

it("is a map of which each snapshot stays as it was, and finds the difference of any two of them", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(how, fc.array(step, { maxLength: 8 })), { minLength: 1, maxLength: 6 }), (rounds) => {
      let builder = new ChainMapBuilder();
      const model = new Map<string, readonly string[]>();
      const taken = rounds.map(([start, steps]) => {
        if (start === "edit") builder = editChains(builder.snapshot());
        else if (start === "edit another map") builder = editChains(new Map(model));
        for (const [chain, content] of steps) {
          if (content === undefined) {
            builder.delete(chain);
            model.delete(chain);
          } else {
            builder.set(chain, content);
            model.set(chain, content);
          }
        }
        return { map: builder.snapshot(), model: new Map(model) };
      });
      for (const { map, model } of taken) {
        expect(new Map(map)).toEqual(model);
        expect([map.size, ruleTotal(map)]).toEqual([model.size, ruleTotal(model)]);
        for (const chain of model.keys()) expect([map.has(chain), map.get(chain)]).toEqual([true, model.get(chain)]);
        expect(new Map([...map.keys()].map((chain, i) => [chain, [...map.values()][i]]))).toEqual(model);
        for (const other of taken) {
          const full = differingChains(other.model, model);
          expect(differingChains(other.map, map)).toEqual(full);
          expect(differingChains(other.model, map)).toEqual(full);
        }
      }
    }),
  );
});

it("iterates in the same order whatever came first", () => {
  fc.assert(
    fc.property(fc.uniqueArray(name), (names) => {
      const keys = (list: readonly string[]): string[] => {
        const builder = new ChainMapBuilder();
        for (const chain of list) builder.set(chain, []);
        return [...builder.snapshot().keys()];
      };
      expect(keys(names)).toEqual(keys(names.toReversed()));
    }),
  );
});

it("shares what says the same", () => {
  const builder = new ChainMapBuilder();
  const first = ["-j A"];
  builder.set("KUBE-X", first);
  builder.set("KUBE-X", ["-j A"]);
  expect(builder.snapshot().get("KUBE-X")).toBe(first);
});

it("shares with an edited map what was not edited", () => {
  const builder = new ChainMapBuilder();
  for (const chain of ["KUBE-SVC-A", "KUBE-SVC-B", "KUBE-SVC-C"]) builder.set(chain, ["-j A"]);
  const map = builder.snapshot();
  const edited = map.edit();
  expect(ChainMap.differingShards(map, edited.snapshot())).toEqual([]);
  edited.delete("KUBE-SVC-B");
  expect(ChainMap.differingShards(map, edited.snapshot())).toHaveLength(1);
  expect([...map.keys()]).toEqual(["KUBE-SVC-A", "KUBE-SVC-B", "KUBE-SVC-C"]);
});
