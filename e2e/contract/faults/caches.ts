import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ControlPlane, Target } from "../target.ts";
import { type FaultCase, faultCases, impatient, listFaults, watchFaults } from "./cases.ts";
import { type Protocol, protocols } from "./proxy.ts";
import { patience, Rig } from "./rig.ts";

/** The tests that a reflector's store equals the server after every fault, and told its handler the truth. */
export function keepCaches(target: Target): void {
  describe.each(protocols)(`with ${target.name} over %s, a cache equals the server after`, (protocol) => {
    let server: ControlPlane;
    beforeAll(async () => {
      server = await target.start();
    });
    afterAll(() => server[Symbol.asyncDispose]());

    it.each(faultCases)("$name", async ({ script, resumes, pageSize, watchTimes }: FaultCase) => {
      await using rig = await Rig.start(server, { protocol, script, ...(watchTimes && { watchTimes }) });
      rig.proxy.pageSize = pageSize;
      const { proxy, world } = rig;
      await world.add("a", "b", "c");
      await rig.reflect();
      // The second of these meets the first break, if there is one.
      await world.change("a");
      await world.add("d");
      const breaks = script.watch?.some((fault) => fault.do === "break") === true;
      if (breaks) await proxy.broken;
      await world.change("d", "a");
      await world.remove("b", "c");
      await world.add("c", "short");
      await world.remove("short");
      proxy.open();
      await rig.untilEqual();
      await vi.waitFor(() => expect(proxy.left).toBe(0), patience);
      await world.change("c");
      await world.remove("d");
      await world.add("e");
      await rig.untilEqual();
      rig.expectTrueHistory(resumes);
    });

    it("any mixture of faults, whatever happens meanwhile", async () => {
      const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
        fc.array(fc.constantFrom(...values), { maxLength: 4 });
      const scripts = fc.record({
        watch: some(watchFaults),
        list: some(listFaults),
        page: some(listFaults),
        look: some(listFaults),
      });
      const name = fc.constantFrom("a", "b", "c");
      const write = fc.record({ do: fc.constantFrom("put" as const, "remove" as const), name });
      const writes = fc.array(write, { minLength: 2, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(scripts, writes, writes, async (script, before, after) => {
          await using rig = await Rig.start(server, { protocol, script, watchTimes: impatient });
          rig.proxy.pageSize = 2;
          await rig.world.add("a", "b", "c", "d");
          const reflecting = rig.reflect();
          for (const { do: verb, name } of before) await rig.world[verb](name);
          rig.proxy.open();
          await reflecting;
          for (const { do: verb, name } of after) await rig.world[verb](name);
          await rig.untilEqual();
          rig.expectTrueHistory(false);
        }),
        { numRuns: 12 },
      );
    });

    it("a token that was rotated, seen at once when the old one is refused", async () => {
      await using rig = await rigWithObjects(server, protocol);
      rig.proxy.token = "second";
      await rig.writeFile("token", "second");
      rig.proxy.wire.reset();
      await rig.world.change("a");
      await rig.untilEqual();
      rig.expectTrueHistory(true);
      // Not by age: nobody's clock has moved.
      expect(rig.clock.monotonic()).toBe(0);
    });

    it("a token file that was gone for two minutes", async () => {
      await using rig = await rigWithObjects(server, protocol);
      await rig.removeToken();
      for (let minute = 1; minute <= 2; minute += 1) {
        rig.clock.advance(60_000);
        rig.proxy.wire.reset();
        await rig.world.change("a");
        await rig.untilEqual();
      }
      rig.proxy.token = "second";
      await rig.writeFile("token", "second");
      rig.clock.advance(60_000);
      rig.proxy.wire.reset();
      await rig.world.change("b");
      await rig.untilEqual();
      rig.expectTrueHistory(true);
      expect((await rig.restarts()).join()).not.toContain("401");
    });

    it("a token that was revoked while its file was gone", async () => {
      await using rig = await rigWithObjects(server, protocol);
      await rig.removeToken();
      rig.proxy.token = "second";
      rig.proxy.wire.reset();
      await rig.world.change("a");
      await vi.waitFor(async () => expect((await rig.restarts()).join()).toContain("http-401"), patience);
      await rig.writeFile("token", "second");
      await rig.untilEqual();
      rig.expectTrueHistory(true);
    });

    it("an authority that was rotated, seen at once when the old one no longer fits", async () => {
      await using rig = await rigWithObjects(server, protocol);
      await rig.proxy.rotateAuthority();
      await rig.writeFile("ca.crt", rig.proxy.credentials.ca);
      rig.proxy.wire.reset();
      await rig.world.change("a");
      await rig.untilEqual();
      rig.expectTrueHistory(true);
      expect(rig.clock.monotonic()).toBe(0);
    });

    it("an authority whose certificate came later than the server's", async () => {
      await using rig = await rigWithObjects(server, protocol);
      await rig.proxy.rotateAuthority();
      rig.proxy.wire.reset();
      await rig.world.change("a");
      const tries = async (): Promise<number> => Number(/connection (\d+)/.exec((await rig.restarts()).join())?.[1]);
      await vi.waitFor(async () => expect(await tries()).toBeGreaterThan(2), patience);
      await rig.writeFile("ca.crt", rig.proxy.credentials.ca);
      await rig.untilEqual();
      rig.expectTrueHistory(true);
    });
  });
}

async function rigWithObjects(server: ControlPlane, protocol: Protocol): Promise<Rig> {
  const rig = await Rig.start(server, { protocol });
  await rig.world.add("a", "b", "c");
  await rig.reflect();
  return rig;
}
