import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ControlPlane, Target } from "../target.ts";
import { protocols } from "./proxy.ts";
import { administrator, patience, Rig } from "./rig.ts";
import { World } from "./world.ts";

/**
 * The tests that a cache follows a server that came back without what it had last, and counts from an older version:
 * etcd begun anew behind the same address.
 */
export function followRestores(target: Target): void {
  describe.each(protocols)(`with ${target.name} over %s, a cache equals a server that lost versions`, (protocol) => {
    let old: ControlPlane;
    let fresh: ControlPlane;
    beforeAll(async () => {
      [old, fresh] = await Promise.all([target.start(), target.start()]);
    });
    afterAll(async () => {
      await old[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
    });

    it.each([
      ["while it was away", false],
      ["and an own write with them", true],
    ])("%s", async (_, writes) => {
      await using rig = await Rig.start(old, { protocol });
      await using admin = await administrator(fresh);
      const before = rig.world;
      const after = await World.create(admin, before.namespace);
      await after.add("a", "new");
      await before.add("a", "b");
      await rig.reflect();
      // Far enough that the fresh server will not catch up by itself during the test.
      while ((await before.version()) < (await after.version()) + 200) await before.change("a");
      await rig.untilEqual();
      if (writes) {
        rig.proxy.wire.freeze();
        await before.change("b");
        const written = before.get("b");
        if (written !== undefined) rig.store.overlay(written);
        expect(rig.store.get(`${before.namespace}/b`)).toEqual(written);
      }
      await rig.proxy.retarget(fresh.kubeconfig);
      rig.world = after;
      await rig.untilEqual();
      await after.change("new");
      await after.remove("a");
      await after.add("b");
      await rig.untilEqual();
      expect((await rig.restarts()).join()).toContain("lost-versions 1");
      expect(rig.history.disagreements([...before.happened, ...after.happened], false)).toEqual([]);
    });

    it("though they are served in silence from the version that it does not have yet", async () => {
      await using admin = await administrator(fresh);
      const world = await World.create(admin, `future-${protocol.at(-1)}`);
      const version = await world.version();
      const path = `/apis/discovery.k8s.io/v1/namespaces/${world.namespace}/endpointslices`;
      const stop = new AbortController();
      const events: string[] = [];
      const query = { resourceVersion: String(version + 1000), allowWatchBookmarks: true };
      const reading = (async () => {
        for await (const { type } of admin.watch(path, query, stop.signal)) events.push(type);
      })().catch((error: unknown) => error);
      // That of another watch has come, so it would have, too.
      const stopOther = new AbortController();
      const other = admin.watch(path, { resourceVersion: String(version) }, stopOther.signal)[Symbol.asyncIterator]();
      await world.add("a");
      expect((await other.next()).value).toMatchObject({ type: "ADDED" });
      await vi.waitFor(() => expect(events).toEqual([]), patience);
      stop.abort(new Error("seen"));
      stopOther.abort(new Error("seen"));
      expect(await reading).toBe(stop.signal.reason);
      expect(events).toEqual([]);
    });
  });
}
