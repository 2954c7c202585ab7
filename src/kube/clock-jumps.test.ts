import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { services } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { nullLogger } from "../telemetry/index.ts";
import { EventRecorder, inClusterConnection, LeaseElection, Reflector, Store, WorkQueue } from "./index.ts";
import { Collection } from "./testing/collection.ts";
import { MemoryClient } from "./testing/memory-client.ts";

const hourMs = 3_600_000;

/** Its wall clock is set forth and back by hours with every look; its monotonic clock runs as always. */
class SwingingClock extends FakeClock {
  #looks = 0;

  override now(): number {
    this.#looks += 1;
    const swing = [0, 5, -5, 1, -1, 12, -12, 24 * 365, -24 * 365][this.#looks % 9] ?? 0;
    return super.now() + swing * hourMs;
  }
}

/** Six minutes of everything that measures time; what was done and when, by the monotonic clock. */
async function live(clock: FakeClock): Promise<string[]> {
  const done: string[] = [];
  const note = (what: string): void => void done.push(`${clock.monotonic()} ${what}`);
  const folder = await mkdtemp(join(tmpdir(), "berth-clock-"));
  await writeFile(join(folder, "token"), "0");
  await writeFile(join(folder, "ca.crt"), "CA");
  const environment = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
  const connection = await inClusterConnection(environment, { folder, clock });

  const common = { logger: nullLogger, metrics: new Registry(), clock, random: () => 0.5 };
  const stop = new AbortController();
  const collection = new Collection();
  const client = new MemoryClient(collection, clock);
  const store = new Store({ kind: "Service", ...common });
  store.subscribe({ add: ({ metadata }) => note(`add ${metadata.name}`) });
  const reflecting = new Reflector({ client, resource: services, store, ...common }).run(stop.signal);

  const leases = new Collection();
  const candidates = ["first", "second"].map((identity) => {
    const line = new MemoryClient(leases, clock);
    const election = new LeaseElection({ client: line, namespace: "default", name: "lease", identity, ...common });
    const led = election.run(async (leading) => {
      note(`${identity} leads`);
      await new Promise<void>((resolve) => leading.addEventListener("abort", () => resolve(), { once: true }));
      note(`${identity} has led`);
    }, stop.signal);
    return { line, led: led.catch((error: unknown) => note(`${identity}: ${String(error)}`)) };
  });

  using queue = new WorkQueue({ name: "clock", ...common });
  const working = queue.run(
    1,
    async (key) => {
      note(`work on ${key}`);
      throw new Error("again");
    },
    stop.signal,
  );
  queue.add("x");

  let written = 0;
  const sink = { create: () => written++, patch: () => written++ } as never;
  const recorder = new EventRecorder({ client: sink, controller: "c", instance: "i", ...common });
  const regarding = { kind: "Service", metadata: { namespace: "default", name: "a" } };

  for (let step = 0; step < 72; step += 1) {
    await writeFile(join(folder, "token"), String(step));
    if (step === 10) client.cut("break");
    if (step === 20) collection.put({ metadata: { name: "a" } });
    // The leader is cut off for longer than its lease lasts.
    for (const { line } of candidates.slice(0, 1)) line.line = step >= 30 && step < 40 ? "refused" : "up";
    for (let i = 0; i < 5; i += 1) recorder.event(regarding, { type: "Normal", reason: "R", action: "A", note: "n" });
    await clock.run(5000);
    note(`token ${(await connection.credentials()).headers["authorization"]}, events ${written}`);
  }
  stop.abort(new Error("the test is over"));
  await clock.run(20_000);
  await Promise.all([reflecting, working, ...candidates.map(({ led }) => led)]);
  await recorder[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  return done;
}

it("does the same at the same time though the wall clock is set by hours again and again", async () => {
  const still = await live(new FakeClock());
  const swinging = await live(new SwingingClock());
  expect(swinging).toEqual(still);
  // What there was to be disturbed did happen.
  for (const what of ["add a", "first leads", "first: LeaseLostError", "second leads", "work on x", "token Bearer 59"])
    expect(still.join("\n")).toContain(what);
});
