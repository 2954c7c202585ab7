import { expect, it } from "vitest";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

const names = Array.from({ length: 40 }, (_, i) => `old${i}`);
const pool = ["10.9.0.0/24"];

/** A controller whose provider lets one Service through after the other, and says in which order they came. */
function gated(bench: Bench): { order: string[]; providers: MemoryProvider[] } {
  const order: string[] = [];
  const hook = async ({ id }: { readonly id: string }, when: "before" | "after"): Promise<void> => {
    if (when === "after" || !id.endsWith("/address")) return;
    order.push(id.slice("uid-".length, -"/address".length));
    await bench.settled();
  };
  return { order, providers: [new MemoryProvider(bench.world, { hook })] };
}

it("what users do meanwhile overtakes the backlog of the start", async () => {
  const bench = new Bench();
  for (const name of names) bench.api.createService(name);
  const { order, providers } = gated(bench);
  const running = bench.start({ providers, pool });
  await bench.until(() => order.length >= 4, "the workers are busy");
  bench.api.createService("new");
  // A Service of the backlog that is edited is not of the backlog any more.
  bench.api.updateService("old39", { metadata: { annotations: { "example.com/any": "thing" } } });
  await bench.ready("new");
  await bench.ready("old39");
  for (const name of ["new", "old39"]) expect(order.indexOf(name)).toBeLessThan(13);
  expect(order.length).toBeLessThan(names.length);
  await running.stop();
});

it("drift checks come behind everything else, and an edit of a Service that waits for one is done at once", async () => {
  const bench = new Bench();
  const first = bench.start({ pool });
  // Not of the start's backlog, whose keys come behind anyway.
  await bench.settled();
  for (const name of names) bench.api.createService(name);
  for (const name of names) await bench.ready(name);
  for (const name of names) bench.world.objects.delete(`uid-${name}/address`);
  const { mutations } = bench.world;
  mutations.length = 0;
  // Watches end and begin anew meanwhile.
  for (let i = 0; i < 599; i++) await bench.clock.run(1000);
  bench.clock.advance(1000);
  bench.api.createService("new");
  bench.api.updateService("old39", { metadata: { annotations: { "example.com/any": "thing" } } });
  await bench.ready("new");
  await bench.until(() => mutations.filter((text) => text.endsWith("/address")).length === 41, "all are mended");
  const order = mutations.filter((text) => text.endsWith("/address"));
  for (const name of ["new", "old39"]) expect(order.indexOf(`create uid-${name}/address`)).toBeLessThan(8);
  await first.stop();
});
