import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { endpointSlices, events, leases } from "../../../src/api/index.ts";
import { FakeClock } from "../../../src/base/fake-clock.ts";
import {
  EventRecorder,
  type KubeClient,
  LeaseElection,
  LeaseLostError,
  type Work,
  WorkQueue,
} from "../../../src/kube/index.ts";
import { nullLogger } from "../../../src/telemetry/index.ts";
import type { ControlPlane, Target } from "../target.ts";
import { protocols } from "./proxy.ts";
import { patience, Rig } from "./rig.ts";
import { type Fault, pass, refuse, type Script } from "./script.ts";

const signal = new AbortController().signal;
const slow = refuse(429, "TooManyRequests", { "retry-after": "1" });

/** The tests that what writes through faults writes once, and nothing wrong. */
export function writeThroughFaults(target: Target): void {
  describe.each(protocols)(`with ${target.name} over %s`, (protocol) => {
    let server: ControlPlane;
    beforeAll(async () => {
      server = await target.start();
    });
    afterAll(() => server[Symbol.asyncDispose]());

    const start = (script: Script): Promise<Rig> => Rig.start(server, { protocol, script });

    describe("an event", () => {
      it.each<[string, readonly Fault[], number]>([
        ["is written at once without a fault", [], 1],
        ["is written once when the answer is lost", [{ do: "lose" }], 1],
        ["is written once when two answers are lost", [{ do: "lose" }, { do: "lose" }], 1],
        ["is written when the server asked for patience", [slow], 1],
        ["is given up on when the server says no", [refuse(500, "InternalError")], 0],
      ])("%s", async (_, other, written) => {
        await using rig = await start({ other });
        const metrics = new Registry();
        const { client, world } = rig;
        const instance = "pod-1";
        const recorder = new EventRecorder({
          client,
          controller: "berth.dev/test",
          instance,
          logger: nullLogger,
          metrics,
        });
        const regarding = { apiVersion: "v1", kind: "Service", metadata: { namespace: world.namespace, name: "web" } };
        recorder.event(regarding, { type: "Normal", reason: "Tested", action: "Test", note: "through faults" });
        const result = written === 1 ? "created" : "failed";
        const line = `kube_events_total{result="${result}"} 1`;
        await vi.waitFor(async () => expect(await metrics.metrics()).toContain(line), patience);
        await recorder[Symbol.asyncDispose]();
        expect(rig.proxy.left).toBe(0);
        const { items } = await rig.admin.listAll(events, { namespace: world.namespace }, signal);
        expect(items.map(({ reason }) => reason)).toEqual(Array.from({ length: written }, () => "Tested"));
      });
    });

    it("a queue works each key to its end, one at a time, through faults of its writes", async () => {
      const lost: Fault = { do: "lose" };
      const other = [refuse(500, "InternalError"), lost, pass, refuse(503, "ServiceUnavailable"), slow, lost];
      await using rig = await start({ other });
      const { world, store } = rig;
      await world.add("a", "b", "c");
      const metrics = new Registry();
      const backoff = { baseMs: 2, capMs: 20 };
      using queue = new WorkQueue({ name: "faults", logger: nullLogger, metrics, backoff });
      const keyOf = (name: string | undefined): string => `${world.namespace}/${name}`;
      store.subscribe({
        add: ({ metadata }) => queue.add(keyOf(metadata.name)),
        update: (_, { metadata }) => queue.add(keyOf(metadata.name)),
        delete: ({ metadata }) => queue.add(keyOf(metadata.name)),
      });
      await rig.reflect();
      const working = new Set<string>();
      const together: string[] = [];
      const stop = new AbortController();
      const work: Work = async (key) => {
        if (working.has(key)) together.push(key);
        working.add(key);
        try {
          const object = store.get(key);
          const address = object?.endpoints?.[0]?.addresses[0];
          if (object === undefined || object.metadata.annotations?.["address"] === address) return;
          const body = { metadata: { annotations: { address } } };
          store.overlay(await rig.client.mergePatch(endpointSlices, object, body, signal));
        } finally {
          working.delete(key);
        }
      };
      const ended = queue.run(2, work, stop.signal);
      await world.change("a", "b");
      await world.remove("c");
      const done = async (): Promise<boolean[]> =>
        (await world.list()).map((o) => o.metadata.annotations?.["address"] === o.endpoints?.[0]?.addresses[0]);
      await vi.waitFor(async () => expect([await done(), rig.proxy.left]).toEqual([[true, true], 0]), {
        ...patience,
        interval: 50,
      });
      await rig.untilEqual();
      stop.abort(new Error("the test is over"));
      await ended;
      expect(together).toEqual([]);
      expect(rig.history.complaints).toEqual([]);
    });

    describe("a leader", () => {
      it("lives through failed and lost renewals, and stands down when none gets through", async () => {
        const renewals = [
          refuse(500, "InternalError"),
          { do: "lose" },
          slow,
          refuse(503, "ServiceUnavailable"),
        ] as const;
        await using rig = await start({ other: [pass, ...renewals] });
        const first = new Candidate(rig, rig.client, "first");
        await first.leads;
        for (let left = renewals.length; left > 0; left -= 1) {
          await first.nextRenewal();
          await vi.waitFor(() => expect(rig.proxy.left).toBeLessThan(left), patience);
        }
        const { version } = await first.lease();
        await first.nextRenewal();
        await vi.waitFor(async () => expect((await first.lease()).version).not.toBe(version), patience);
        expect((await first.lease()).holder).toBe("first");
        expect([first.lost, first.election.mayWrite()]).toEqual([undefined, true]);

        const second = new Candidate(rig, rig.admin, "second");
        await second.watches();
        // From now on nothing comes back.
        await vi.waitFor(() => expect(first.clock.pending).toContain(renewEveryMs), patience);
        rig.proxy.token = "another";
        first.clock.advance(renewDeadlineMs);
        await vi.waitFor(() => expect(first.lost).toBeInstanceOf(LeaseLostError), patience);
        expect(first.election.mayWrite()).toBe(false);
        second.clock.advance(leaseDurationMs);
        await second.leads;
        expect((await second.lease()).holder).toBe("second");
        await second.stop();
        expect((await second.lease()).holder).toBe("");
      });

      it("lives through a rotated token and a broken connection", async () => {
        await using rig = await start({});
        const first = new Candidate(rig, rig.client, "first");
        await first.leads;
        rig.proxy.token = "second";
        await rig.writeFile("token", "second");
        for (const hurt of [() => {}, () => rig.proxy.wire.reset(), () => rig.proxy.wire.end()]) {
          const { version } = await first.lease();
          await vi.waitFor(() => expect(first.clock.pending).toContain(renewEveryMs), patience);
          hurt();
          first.clock.advance(renewEveryMs);
          // A renewal that met the broken connection is followed by another.
          await vi.waitFor(async () => {
            if ((await first.lease()).version !== version) return;
            if (first.clock.pending.includes(renewEveryMs)) first.clock.advance(renewEveryMs);
            throw new Error("not renewed yet");
          }, patience);
          expect([first.lost, first.election.mayWrite()]).toEqual([undefined, true]);
        }
        await first.stop();
      });
    });
  });
}

/** No sum of the first is the second: a timer of the clock tells by its length what it is for. */
const renewEveryMs = 1900;
const renewDeadlineMs = 10_000;
const leaseDurationMs = 15_000;

/** One who wants the lease, on a clock of its own. */
class Candidate {
  readonly clock: FakeClock = new FakeClock();
  readonly election: LeaseElection;
  readonly leads: Promise<void>;
  lost: unknown;
  readonly #rig: Rig;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(rig: Rig, client: KubeClient, identity: string) {
    this.#rig = rig;
    this.election = new LeaseElection({
      client,
      namespace: rig.world.namespace,
      name: "faults",
      identity,
      logger: nullLogger,
      metrics: new Registry(),
      times: { durationMs: leaseDurationMs, renewDeadlineMs, retryMs: renewEveryMs },
      clock: this.clock,
      random: () => 0,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.leads = promise;
    const lead = async (leading: AbortSignal): Promise<void> => {
      resolve();
      await new Promise<void>((end) => leading.addEventListener("abort", () => end(), { once: true }));
    };
    this.#ended = this.election.run(lead, this.#stop.signal).catch((error: unknown) => {
      this.lost = error;
    });
  }

  async nextRenewal(): Promise<void> {
    await vi.waitFor(() => expect(this.clock.pending).toContain(renewEveryMs), patience);
    this.clock.advance(renewEveryMs);
  }

  /** It has seen the lease of another and waits for its end. */
  async watches(): Promise<void> {
    await vi.waitFor(() => expect(this.clock.pending).toContain(leaseDurationMs), patience);
  }

  async lease(): Promise<{ version: string | undefined; holder: string | undefined }> {
    const lease = await this.#rig.admin.get(leases, { namespace: this.#rig.world.namespace, name: "faults" }, signal);
    return { version: lease.metadata.resourceVersion, holder: lease.spec?.holderIdentity };
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the test is over"));
    await this.#ended;
  }
}
