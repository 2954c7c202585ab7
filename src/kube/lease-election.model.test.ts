import fc from "fast-check";
import { expect, it } from "vitest";
import { type Candidate, ElectionWorld } from "./testing/election-world.ts";
import type { LineState } from "./testing/line.ts";
import { seeded } from "./testing/seeded.ts";

/** The world checks itself whenever time passes, so that commands keep no model of it. */
type Command = fc.AsyncCommand<object, ElectionWorld>;

function command(name: string, run: (world: ElectionWorld) => Promise<void> | void): Command {
  return {
    check: () => true,
    run: async (_, world) => {
      await run(world);
      await world.run(1);
    },
    toString: () => name,
  };
}

/** Does something to one of those that run. */
function toOne(name: string, act: (candidate: Candidate, world: ElectionWorld) => void): fc.Arbitrary<Command> {
  return fc.nat({ max: 2 }).map((pick) =>
    command(`${name} #${pick}`, (world) => {
      const running = world.candidates.filter(({ runs }) => runs);
      const candidate = running[pick % Math.max(1, running.length)];
      if (candidate !== undefined) act(candidate, world);
    }),
  );
}

const pauseMs = fc.oneof(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 1, max: 60_000 }));

const commands: fc.Arbitrary<Command>[] = [
  fc.integer({ min: 1, max: 20_000 }).map((ms) => command(`wait ${ms}`, (world) => world.run(ms))),
  pauseMs.chain((ms) => toOne(`freeze ${ms}`, (candidate) => candidate.freeze(ms))),
  pauseMs.chain((ms) => toOne(`freeze before sending ${ms}`, (candidate) => candidate.freezeBeforeSending(ms))),
  fc
    .constantFrom<LineState>("up", "refused", "silent", "deaf")
    .chain((state) => toOne(`line ${state}`, ({ line }) => void (line.state = state))),
  fc.constantFrom(2, 500, 7000).chain((ms) => toOne(`slow ${ms}`, ({ line }) => void (line.slownessMs = ms))),
  fc
    .integer({ min: 1, max: 5000 })
    .map((ms) => command(`restart the server ${ms}`, (world) => world.restartServer(ms))),
  toOne("kill", (candidate) => candidate.kill()),
  toOne("terminate", (candidate) => candidate.terminate()),
  fc.constant(command("start", (world) => world.restart())),
  fc.constant(command("delete the lease", (world) => world.deleteLease())),
  fc
    .constantFrom<object>(
      { holderIdentity: "" },
      { holderIdentity: "nobody-known" },
      { leaseDurationSeconds: 1 },
      { leaseDurationSeconds: 30 },
      {},
    )
    .map((spec) => command(`edit ${JSON.stringify(spec)}`, (world) => world.edit(spec))),
  toOne("give it by hand to", ({ identity }, world) => world.edit({ holderIdentity: identity })),
];

it("has at most one leader and never none for long, whatever happens to three candidates", async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), fc.integer(), async (commands, seed) => {
      const world = new ElectionWorld(seeded(seed));
      for (let i = 0; i < 3; i++) world.join();
      await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
      await world.calm();
      const [first] = world.leaders;
      first?.kill();
      await world.run(17_000);
      const [second] = world.leaders;
      second?.terminate();
      await world.run(2000);
      const [third] = world.leaders;
      expect(new Set([undefined, first, second, third]).size).toBe(4);
    }),
    { numRuns: 100 },
  );
}, 60_000);

it("stands by without asking: in a quiet hour it only opens its watch again every 5 to 10 minutes", async () => {
  const world = new ElectionWorld(seeded(7));
  for (let i = 0; i < 3; i++) world.join();
  await world.run(3_600_000);
  const [leader] = world.leaders;
  expect(world.writers).toEqual([leader]);
  for (const { line } of world.candidates.filter((candidate) => candidate !== leader)) {
    // All three found no lease and tried to create it.
    const requests = line.sent.filter(({ at }) => at > 1000);
    expect(new Set(requests.map(({ what }) => what))).toEqual(new Set(["WATCH"]));
    const gaps = [0, ...requests.map(({ at }) => at)].map((at, i) => (requests[i]?.at ?? at + 300_000) - at);
    for (const gap of gaps) expect(gap).toSatisfy((ms: number) => ms > 299_000 && ms < 601_000);
  }
}, 60_000);

it("takes over in time though its watch waits out a long back-off", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const world = new ElectionWorld(seeded(seed));
    for (let i = 0; i < 2; i++) world.join();
    await world.run(5000);
    const [leader] = world.leaders;
    const standby = world.candidates.find((candidate) => candidate !== leader);
    if (leader === undefined || standby === undefined) throw new Error("nobody leads");
    standby.line.state = "refused";
    await world.run(120_000);
    standby.line.state = "up";
    leader.kill();
    await world.run(27_000);
    expect(world.leaders).toEqual([standby]);
  }
}, 60_000);

it("sends nothing when it goes on after standing still beyond its deadline", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const world = new ElectionWorld(seeded(seed));
    const candidate = world.join();
    await world.run(5000);
    candidate.freeze(60_000);
    const { length } = candidate.line.sent;
    await world.run(70_000);
    expect([candidate.outcome, candidate.line.sent.slice(length)]).toEqual(["lost", []]);
  }
}, 60_000);
