import fc from "fast-check";
import { expect, it } from "vitest";
import type { PlanStep } from "../../../src/provider/index.ts";
import { parseOwner } from "../owner.ts";
import type { Action, Firewall, Resource } from "../resources.ts";
import type { Settings } from "../settings.ts";
import { PlannerBed, type Wanted } from "../testing/bed.ts";
import { cidr, desiredLb, node, tcp, udp } from "../testing/values.ts";
import { addressText } from "./comparison.ts";

const ports = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 }),
    fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
  )
  .map(([tcpPorts, udpPorts]) => [...tcpPorts.map(tcp), ...udpPorts.map(udp)])
  .filter((all) => all.length > 0);

const addresses: Readonly<Record<string, string>> = { b1: "10.0.0.1", b2: "10.0.0.2", c1: "10.0.1.1", d1: "10.0.2.1" };
const nodes = fc
  .subarray(Object.keys(addresses))
  .map((names) => names.map((name) => node(name, name.charAt(0), addresses[name] ?? "")));

const checks = {
  Cluster: { protocol: "HTTP", port: 10_256, path: "/healthz" },
  Local: { protocol: "HTTP", port: 31_000, path: "/healthz" },
} as const;

const wishes: fc.Arbitrary<Wanted> = fc
  .record({
    ports,
    nodes,
    families: fc.constantFrom<["IPv4"] | ["IPv6"] | ["IPv4", "IPv6"]>(["IPv4"], ["IPv6"], ["IPv4", "IPv6"]),
    policy: fc.constantFrom<"Cluster" | "Local">("Cluster", "Local"),
    scheme: fc.constantFrom<"internal" | "internet-facing">("internal", "internet-facing"),
    affinity: fc.boolean(),
    global: fc.boolean(),
    weighted: fc.boolean(),
    sources: fc.subarray(["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]),
  })
  .map(({ ports, nodes, families, policy, scheme, affinity, global, weighted, sources }) => ({
    nodes,
    lb: desiredLb({
      ports,
      families,
      scheme,
      externalTrafficPolicy: policy,
      healthCheck: checks[policy],
      sessionAffinity: affinity ? { kind: "ClientIP", timeoutSeconds: 10_800 } : { kind: "None" },
      sourceRanges: sources.map(cidr),
      annotations: { "berth.dev/global-access": `${global}`, "berth.dev/weighted-nodes": `${weighted}` },
    }),
  }));

const modes = fc.constantFrom("endpoint-groups" as const, "instance-groups" as const);

/** Wishes one after the other, each followed only so far, by controllers that may be told otherwise. */
const lives = fc.array(fc.tuple(fc.option(wishes, { freq: 5 }), fc.integer({ min: 0, max: 25 }), modes), {
  maxLength: 4,
});

const foreign: readonly Resource[] = [
  { kind: "address", name: "theirs", description: "", address: "203.0.113.1", addressType: "EXTERNAL" },
  {
    kind: "endpointGroup",
    name: "theirs",
    description: "",
    zone: "europe-west1-b",
    networkEndpointType: "GCE_VM_IP",
    network: "n",
    subnetwork: "s",
  },
];

function live(bed: PlannerBed, life: readonly (readonly [Wanted | null, number, Settings["backends"]])[]): void {
  for (const [wish, actions, backends] of life) {
    bed.reset({ backends });
    bed.converge(wish, actions);
  }
}

it("comes from anywhere to anything, breaks nothing on the way, and is done then", () => {
  fc.assert(
    fc.property(lives, fc.option(wishes, { freq: 5 }), modes, (life, last, backends) => {
      const bed = bedWithRules();
      live(bed, life);
      bed.reset({ backends });
      bed.converge(last);
      expect(bed.open(last)).toEqual([]);
      expect(withoutShared(bed)).toBe(withoutShared(freshly(last, backends)));
    }),
    { numRuns: 300 },
  );
});

it("comes there in whatever order its steps allow, and with whatever of them that fails", () => {
  fc.assert(
    fc.property(
      lives,
      fc.option(wishes, { freq: 5 }),
      modes,
      fc.infiniteStream(fc.nat()),
      (life, last, backends, dice) => {
        const roll = (sides: number): number => (dice.next().value as number) % sides;
        let troubles = 20;
        const isTrouble = (): boolean => troubles > 0 && roll(4) === 0 && troubles-- > 0;
        const bed = bedWithRules((steps) => someOrder(steps, roll, isTrouble));
        live(bed, life);
        bed.reset({ backends });
        for (let i = 0; bed.open(last).length > 0; i++) {
          expect(i).toBeLessThan(30);
          bed.converge(last, 1000);
        }
        expect(withoutShared(bed)).toBe(withoutShared(freshly(last, backends)));
      },
    ),
    { numRuns: 150 },
  );
});

/** As an executor may do it: any step whose precursors are done; what fails takes those along that stand on it. */
function someOrder(
  steps: readonly PlanStep[],
  roll: (sides: number) => number,
  isTrouble: () => boolean,
): readonly PlanStep[] {
  const ids = new Set(steps.map(({ id }) => id));
  const [left, done] = [new Set(steps), new Set<PlanStep>()];
  const isDone = (id: string): boolean => !ids.has(id) || [...done].some((step) => step.id === id);
  for (;;) {
    const ready = [...left].filter(({ dependsOn }) => dependsOn.every(isDone));
    const step = ready[roll(Math.max(ready.length, 1))];
    if (step === undefined) return [...done];
    left.delete(step);
    if (!isTrouble()) done.add(step);
  }
}

it("plans the same from the same", () => {
  fc.assert(
    fc.property(lives, wishes, (life, last) => {
      const [one, two] = [bedWithRules(), bedWithRules()];
      for (const bed of [one, two]) live(bed, life);
      const shuffled = { ...last, nodes: last.nodes.toReversed() };
      expect(two.open(shuffled)).toEqual(one.open(last));
    }),
  );
});

it("makes no rule anew for what a rule does not say", () => {
  fc.assert(
    fc.property(wishes, wishes, (from, other) => {
      const to = {
        nodes: other.nodes,
        lb: { ...other.lb, ports: from.lb.ports, families: from.lb.families, scheme: from.lb.scheme },
      };
      const bed = bedWithRules();
      bed.converge(from);
      const count = bed.region.journal.length;
      bed.converge(to);
      expect(bed.region.journal.slice(count).filter((entry) => /^(delete|insert) forwardingRule/.test(entry))).toEqual(
        [],
      );
    }),
  );
});

/** Whatever happens, what others made stays, and no address is closed whose load balancer is open. */
function bedWithRules(order?: (steps: readonly PlanStep[]) => readonly PlanStep[]): PlannerBed {
  const bed: PlannerBed = new PlannerBed({
    onCommit: (action) => checkWorld(bed, action),
    ...(order !== undefined && { order }),
  });
  for (const resource of foreign) bed.region.put(resource);
  return bed;
}

function checkWorld(bed: PlannerBed, action: Action): void {
  for (const resource of foreign)
    expect(bed.region.resources.get(`${resource.kind} ${resource.name}`) ?? resource).toBe(resource);
  if (action.verb === "insert" || action.verb === "update")
    expect(parseOwner(action.resource.description)).toBeDefined();
  const firewalls = bed.region.all("firewall");
  for (const deny of firewalls.filter(({ denied }) => denied.length > 0)) {
    expect(deny.priority).toBe(1000);
    if (!isServed(bed, deny)) continue;
    const open = firewalls.filter(({ priority, allowed }) => priority < deny.priority && allowed.length > 0);
    expect(
      open.some((one) => letsProbesIn(one, deny)),
      `probes of ${deny.name} after ${action.verb}`,
    ).toBe(true);
  }
}

function isServed(bed: PlannerBed, { destinationRanges }: Firewall): boolean {
  const to = destinationRanges.map(addressText);
  return bed.region.all("forwardingRule").some(({ IPAddress }) => to.includes(addressText(IPAddress)));
}

function letsProbesIn({ name, destinationRanges }: Firewall, deny: Firewall): boolean {
  const sameFamily = name.slice(-2) === deny.name.slice(-2);
  const reaches =
    destinationRanges.length === 0 || destinationRanges.some((range) => deny.destinationRanges.includes(range));
  return sameFamily && reaches && name.includes("-fw-health-");
}

function freshly(wish: Wanted | null, backends: Settings["backends"]): PlannerBed {
  const bed = bedWithRules();
  bed.reset({ backends });
  bed.converge(wish);
  return bed;
}

const groupLines = /^https:.*\/instanceGroups\//;
const groupBackends = /\{"group":"[^"]*\/instanceGroups\/[^"]*","balancingMode":"CONNECTION"\},?/g;

/**
 * What is shared outlives its last user, and what it has more than is needed goes with the next one; a group of a zone
 * that lost its nodes stays linked.
 */
function withoutShared(bed: PlannerBed): string {
  return bed
    .fingerprint()
    .split("\n")
    .filter((line) => !line.includes("berth.dev/shared") && !groupLines.test(line))
    .map((line) => line.replaceAll(groupBackends, ""))
    .join("\n");
}
