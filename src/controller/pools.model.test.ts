import fc from "fast-check";
import { expect, it } from "vitest";
import { type IPAddressPool, ipAddressPools } from "../api/index.ts";
import { PoolBench } from "./testing/pool-bench.ts";

const shapes: Readonly<Record<string, IPAddressPool["spec"]>> = {
  small: { ranges: ["192.0.2.0/30"] },
  large: { ranges: ["192.0.2.0/29"] },
  aside: { ranges: ["192.0.2.6-192.0.2.9"], priority: 1 },
  closed: { ranges: ["192.0.2.0/29"], disabled: true },
};
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("create" as const), name: fc.constantFrom("a", "b", "c", "d") }),
  },
  fc.record({ kind: fc.constant("delete" as const), name: fc.constantFrom("a", "b", "c", "d") }),
  fc.record({
    kind: fc.constant("pool" as const),
    name: fc.constantFrom("one", "two"),
    shape: fc.constantFrom(undefined, ...Object.keys(shapes)),
  }),
  fc.record({ kind: fc.constant("rest" as const) }),
  fc.record({ kind: fc.constant("restart" as const) }),
);

it("whatever happens, no address is given twice, taken away or lost", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 25 }), async (history) => {
      const bench = new PoolBench();
      bench.pool("one", shapes["small"]!);
      let running = bench.start();
      let made = 0;
      const names = ["a", "b", "c", "d"];
      const known = new Map<string, string>();
      function check(): void {
        const all = names.flatMap((name) => bench.addresses(name));
        expect(new Set(all).size).toBe(all.length);
        for (const name of names) {
          const uid = bench.api.service(name)?.metadata.uid ?? "";
          const [address] = bench.addresses(name);
          if (known.has(uid)) expect(address).toBe(known.get(uid));
          else if (address !== undefined) known.set(uid, address);
        }
      }
      for (const [i, step] of history.entries()) {
        if (step.kind === "create" && bench.api.service(step.name) === undefined)
          bench.api.createService(step.name, {}, { uid: `uid-${made++}` });
        else if (step.kind === "delete" && bench.api.service(step.name) !== undefined)
          bench.api.deleteService(step.name);
        else if (step.kind === "pool" && step.shape !== undefined)
          bench.pool(step.name, shapes[step.shape]!, (i % 9) + 1);
        else if (step.kind === "pool" && bench.poolOf(step.name) !== undefined)
          bench.api.remove(ipAddressPools, step.name);
        else if (step.kind === "restart") {
          await running.stop();
          running = bench.start();
        } else if (step.kind === "rest") await bench.settled();
        check();
      }
      await bench.settled();
      check();
      for (const name of names) if (bench.api.service(name) !== undefined) bench.api.deleteService(name);
      bench.pool("one", { ranges: ["192.0.2.0-192.0.2.15"] });
      await bench.second();
      expect(names.map((name) => bench.api.service(name))).toEqual(names.map(() => undefined));
      await bench.second();
      expect(bench.usage("one")).toMatch(/^0 used, 16 free/);
      await running.stop();
    }),
    { numRuns: 40 },
  );
});
