import fc from "fast-check";
import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import type { PlanStep } from "../../../src/provider/index.ts";
import type { Action } from "../actions.ts";
import { isOwn } from "../identity.ts";
import { nlbSpec } from "../schema/index.ts";
import { contentOf } from "../testing/content.ts";
import { drive, settings, type Wish } from "../testing/drive.ts";
import { cidr, desiredLb, node, port } from "../testing/values.ts";
import { nodeGroup, World } from "../testing/world.ts";
import { hasRules, rulesFor } from "./nodes.ts";

const p = "service.beta.kubernetes.io/aws-load-balancer-";
const { id } = desiredLb();
const cert = (n: number): string => `arn:aws:acm:eu-west-1:123456789012:certificate/${n}`;

const somePorts = fc
  .uniqueArray(
    fc.record({
      protocol: fc.constantFrom("TCP" as const, "UDP" as const),
      n: fc.integer({ min: 1, max: 4 }),
      at: fc.integer({ min: 0, max: 1 }),
    }),
    {
      selector: ({ protocol, n }) => `${protocol}${n}`,
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((list) =>
    list.map(({ protocol, n, at }) => port(protocol, n, 30_000 + 10 * n + at, `${protocol.toLowerCase()}${n}`)),
  );

/** Each key with values that go together with all others. */
const someAnnotations = fc.record(
  {
    [`${p}ssl-cert`]: fc.constantFrom(cert(1), `${cert(1)},${cert(2)}`, `${cert(2)},${cert(3)}`),
    [`${p}healthcheck-protocol`]: fc.constantFrom("tcp", "http"),
    [`${p}healthcheck-interval`]: fc.constantFrom("10", "30"),
    [`${p}target-group-attributes`]: fc.constantFrom(
      "deregistration_delay.timeout_seconds=5",
      "proxy_protocol_v2.enabled=true",
    ),
    [`${p}attributes`]: fc.constantFrom("load_balancing.cross_zone.enabled=true", "zonal_shift.config.enabled=true"),
    [`${p}additional-resource-tags`]: fc.constantFrom("team=a", "team=b,cost=c"),
    [`${p}enable-icmp-for-path-mtu-discovery`]: fc.constant("on"),
    [`${p}inbound-sg-rules-on-private-link-traffic`]: fc.constant("off"),
    [`${p}subnets`]: fc.constantFrom("subnet-internal-a", "subnet-internal-a,subnet-internal-b"),
    [`${p}scheme`]: fc.constantFrom("internal", "internet-facing"),
    [`${p}manage-backend-security-group-rules`]: fc.constantFrom("true", "false"),
  },
  { requiredKeys: [] },
);

const someGroups = fc.constantFrom({}, {}, { [`${p}security-groups`]: "sg-users" }, { [`${p}disable-nlb-sg`]: "true" });

const someLb = fc
  .record({
    ports: somePorts,
    annotations: someAnnotations,
    groups: someGroups,
    ranges: fc.boolean(),
    local: fc.boolean(),
  })
  .map(({ ports, annotations, groups, ranges, local }): DesiredLoadBalancer => {
    const lb = desiredLb({
      ports,
      annotations: { ...annotations, ...groups },
      sourceRanges: ranges ? [cidr("192.0.2.0/24"), cidr("198.51.100.0/24")] : [],
      ...(local && {
        externalTrafficPolicy: "Local",
        healthCheck: { protocol: "HTTP", port: 32_000, path: "/healthz" },
      }),
    });
    return lb;
  })
  .filter((lb) => nlbSpec(lb, settings).issues.every(({ severity }) => severity === "degrade"));

const someNodes = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 6 }).map((list) => list.map(node));

const someWish: fc.Arbitrary<Wish> = fc.record({ lb: fc.option(someLb, { freq: 6 }), nodes: someNodes });

/** Between rounds AWS does what it does by itself; foreign things look like ours but for their tags. */
function worldWithOthers(): World {
  const world = new World();
  const [foreign] = [{ "berth.dev/cluster": "another", "berth.dev/service-uid": id.uid }];
  world.groups.push({ id: "sg-0f", name: "other", tags: foreign, rules: [] });
  world.groups[0]?.rules.push({ id: "sgr-f", protocol: "tcp", from: 22, to: 22, source: "10.0.0.0/8", tags: {} });
  const health = nlbSpec(desiredLb(), settings).spec.listeners[0]!.targetGroup.healthCheck;
  const group = { arn: "arn-f", name: "other", protocol: "TCP", vpcId: "vpc-1", healthCheck: health } as const;
  world.targetGroups.push({ ...group, attributes: {}, tags: foreign, health: undefined, targets: [] });
  return world;
}

function othersOf(world: World): string {
  const all = [...world.groups, ...world.targetGroups, ...world.loadBalancers].filter(({ tags }) => !isOwn(tags, id));
  const strip = all.map((one) =>
    "rules" in one ? { ...one, rules: one.rules.filter(({ id }) => id === "sgr-f") } : one,
  );
  return JSON.stringify(strip.filter(({ name }) => !name.startsWith("berth-nodes-")));
}

/** Ports whose listener of this load balancer sends to some node. */
function served(world: World, name: string): ReadonlySet<number> {
  const listeners = world.loadBalancers.find((one) => one.name === name)?.listeners ?? [];
  const isLive = (arn: string): boolean =>
    world.targetGroups.find((one) => one.arn === arn)?.targets.some(({ state }) => state !== "draining") === true;
  return new Set(
    listeners
      .filter(({ targetGroups }) => targetGroups.some(({ targetGroup, weight }) => weight > 0 && isLive(targetGroup)))
      .map(({ port }) => port),
  );
}

function portsOf({ lb, nodes }: Wish): readonly number[] {
  return lb === null || nodes.length === 0 ? [] : nlbSpec(lb, settings).spec.listeners.map(({ port }) => port);
}

/** What is registered must be let in before. */
function checkRules(world: World, lb: DesiredLoadBalancer, { input }: PlanStep): void {
  const action = input as Action;
  if (action.kind !== "registerTargets") return;
  const backendGroup = world.shared(id.clusterId).backendGroup?.id;
  const rules = rulesFor(lb, { backendGroup, vpcCidrs: world.network.vpcCidrs, settings });
  expect(hasRules(nodeGroup, rules ?? [], world.members(id).nodeRules)).toBe(true);
}

it("comes from any wish to any other without a hole, touches nothing of others and has nothing left to do", async () => {
  await fc.assert(
    fc.asyncProperty(someWish, someWish, async (before, after) => {
      const world = worldWithOthers();
      const others = othersOf(world);
      await drive(world, id, before);
      const name = world.loadBalancers[0]?.name ?? "";
      const both = portsOf(before).filter((number) => portsOf(after).includes(number));
      await drive(world, id, after, {
        onStep: (step) => {
          if (after.lb !== null) checkRules(world, after.lb, step);
          if (world.loadBalancers.some((one) => one.name === name))
            for (const number of both) expect(served(world, name), `after ${step.id}`).toContain(number);
        },
      });
      expect(await drive(world, id, after)).toEqual([]);
      expect(othersOf(world)).toBe(others);
      const own = [...world.loadBalancers, ...world.targetGroups].filter(({ tags }) => isOwn(tags, id));
      const { spec } = nlbSpec(after.lb ?? desiredLb(), settings);
      expect(own).toHaveLength(after.lb === null ? 0 : 1 + spec.listeners.length);
    }),
    { numRuns: 150 },
  );
}, 120_000);

it("makes the same of a wish whatever there was before, where nothing is kept on purpose", async () => {
  await fc.assert(
    fc.asyncProperty(someWish, someWish, async (before, { lb, nodes }) => {
      // Subnets that nobody names stay.
      const subnets = { [`${p}subnets`]: "subnet-internal-a" };
      const wish = { lb: lb === null ? null : { ...lb, annotations: { ...lb.annotations, ...subnets } }, nodes };
      const [fresh, world] = [new World(), new World()];
      await drive(fresh, id, wish);
      await drive(world, id, before);
      await drive(world, id, wish);
      expect(contentOf(world)).toEqual(contentOf(fresh));
    }),
    { numRuns: 150 },
  );
}, 120_000);

it("goes on from wherever it was broken off", async () => {
  await fc.assert(
    fc.asyncProperty(someWish, someWish, fc.integer({ min: 1, max: 40 }), async (before, after, steps) => {
      const world = new World();
      await drive(world, id, before);
      await drive(world, id, after, { steps });
      await drive(world, id, after);
      expect(await drive(world, id, after)).toEqual([]);
    }),
    { numRuns: 150 },
  );
}, 120_000);
