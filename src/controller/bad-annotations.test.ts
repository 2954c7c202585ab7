import { expect, it } from "vitest";
import { nlbSpec } from "../../providers/aws/schema/index.ts";
import { optionsOf as optionsOfGcp } from "../../providers/gcp/schema.ts";
import { optionsOf as optionsOfProxy } from "../../providers/proxy/schema.ts";
import { annotations, loadBalancerRecords, sourceRangesAnnotation } from "../api/index.ts";
import { proxiedService } from "../model/index.ts";
import { port, service } from "../model/testing/objects.ts";
import type { Issue } from "../provider/index.ts";
import { MemoryProvider, type World } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

interface Row {
  /** Of a wrong type, out of range, or at odds with what else there is. */
  readonly bad: readonly string[];
  /** What comes of it: nothing is done, all but this is done, or the agent of the node tells. */
  readonly told: "refused" | "degraded" | "byAgent";
  readonly reasons: readonly string[];
  /** What the provider reads that knows it; absent: what all read, and `proxy`. */
  readonly read?: Read;
}

type Read = (...[desired]: Parameters<MemoryProvider["validate"]>) => { readonly issues: readonly Issue[] };

const booleans = ["yes", "True", "1", "", " true"];
const names = ["Web", "a b", "-a", "1a", "", "a_b"];
const ofAws: Read = (desired) => nlbSpec(desired, { region: "eu-west-1", agents: true });
const ofGcp = { told: "refused", reasons: ["InvalidAnnotation"], read: optionsOfGcp } as const;

/** Whoever adds an annotation adds its row: without one this does not compile. */
const rows: Readonly<Record<keyof typeof annotations | "sourceRanges", Row>> = {
  loadBalancerIps: {
    bad: ["web", "192.0.2.999", "192.0.2.0/29", "192.0.2.1,192.0.2.2", "fd00::1", "198.51.100.1"],
    told: "refused",
    reasons: ["InvalidAddress", "AmbiguousAddress", "AddressFamilyMismatch", "AddressNotInPool"],
  },
  addressPool: { bad: ["nowhere", "", "a/b"], told: "refused", reasons: ["AddressPoolNotFound"] },
  allowReplace: { bad: booleans, told: "degraded", reasons: ["InvalidAnnotation"] },
  nodeSelector: { bad: ["a>b", "=", "a in b", "a,,b"], told: "refused", reasons: ["InvalidNodeSelector"] },
  sourceRangesIgnored: { bad: ["yes", "True", "1", ""], told: "refused", reasons: ["InvalidAnnotation"], read: ofAws },
  sourceRangesOnNodePorts: { bad: booleans, told: "byAgent", reasons: [] },
  scheme: { bad: ["public", "Internal", ""], told: "refused", reasons: ["InvalidScheme"] },
  deletionPolicy: { bad: ["retain", "Keep", ""], told: "refused", reasons: ["InvalidDeletionPolicy"] },
  drainSeconds: {
    bad: ["soon", "-1", "3601", "1.5", "", "1e3", "5s"],
    told: "degraded",
    reasons: ["InvalidAnnotation"],
  },
  networkTier: { bad: ["premium", "PREMIUM", "", "Gold"], ...ofGcp },
  subnet: { bad: [...names, "a,b"], ...ofGcp },
  globalAccess: { bad: booleans, ...ofGcp },
  addressNames: { bad: [...names, "a,b,c"], ...ofGcp },
  weightedNodes: { bad: booleans, ...ofGcp },
  paused: { bad: booleans, told: "degraded", reasons: ["InvalidAnnotation"] },
  sourceRanges: { bad: ["all", "10.0.0.0/33", "10.0.0.0"], told: "refused", reasons: ["InvalidSourceRanges"] },
};

const keys: Readonly<Record<string, string>> = { ...annotations, sourceRanges: sourceRangesAnnotation };

/** Reads what a provider reads. */
class Reading extends MemoryProvider {
  readonly #read: Read;

  constructor(world: World, read: Read) {
    super(world);
    this.#read = read;
  }

  override validate(...[desired]: Parameters<MemoryProvider["validate"]>): ReturnType<MemoryProvider["validate"]> {
    return [...super.validate(desired), ...this.#read(desired).issues];
  }
}

it.each(
  Object.entries(rows).flatMap(([name, { bad, ...row }]) =>
    bad.map((value) => [keys[name] ?? "", value, row] as const),
  ),
)("%s: %j is told, with what to do", async (key, value, { told, reasons, read = optionsOfProxy }) => {
  if (told === "byAgent") {
    const spec = { type: "LoadBalancer", clusterIP: "10.96.0.7", loadBalancerSourceRanges: ["10.0.0.0/8"] };
    const object = service("default/web", { ...spec, ports: [port("http", 80, { nodePort: 30_080 })] });
    const { refused = [] } =
      proxiedService({ ...object, metadata: { annotations: { [key]: value } } }, [], { name: "a", zone: "" }) ?? {};
    expect(refused.map(({ why }) => why)).toEqual([expect.stringContaining(`${key} is ${JSON.stringify(value)}`)]);
    return;
  }
  const bench = new Bench();
  bench.api.createService("web", {}, { annotations: { [key]: value } });
  const running = bench.start({ providers: [new Reading(bench.world, read)] });
  const aspect = told === "refused" ? "accepted" : "degraded";
  await bench.until(() => bench.condition("web", aspect) !== "", "it is told");
  await bench.settled();
  const [status, reason] = bench.condition("web", aspect).split(" ");
  expect([status, reasons.includes(reason ?? "")]).toEqual([told === "refused" ? "False" : "True", true]);
  expect(bench.message("web", aspect)).toMatch(/(?:give|remove|change|create|ask for) /);
  expect(bench.message("web", aspect)).toContain(`metadata.annotations[${key}]: `);
  expect(bench.events.filter((text) => text.startsWith("Warning")).join()).toContain(`${reason}`);
  expect(bench.world.mutations.length > 0).toBe(told === "degraded");
  await running.stop();
});

it("what is wrong a thousand times fits into what API servers take", async () => {
  const bench = new Bench();
  const wrong = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`berth.dev/padding-${i}`, ""]));
  bench.api.createService("web", {}, { annotations: wrong });
  const running = bench.start({ records: true });
  await bench.ready("web");
  await bench.clock.run(1000);
  await bench.settled();
  expect(bench.condition("web", "accepted")).toBe("True UnknownAnnotation");
  const limit = 4096;
  const texts = [bench.api.service("web"), bench.api.object(loadBalancerRecords, "default/web")].flatMap(
    (object) => object?.status?.conditions?.map(({ message }) => message.length) ?? [],
  );
  expect(texts).toHaveLength(8);
  expect(texts.filter((length) => length > limit)).toEqual([]);
  const writes = bench.api.writes.length;
  bench.api.updateService("web", { metadata: { labels: { any: "change" } } });
  await bench.settled();
  expect(bench.api.writes.length).toBe(writes);
  await running.stop();
});
