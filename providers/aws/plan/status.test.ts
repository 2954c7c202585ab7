import { expect, it } from "vitest";
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import type { LbStatus } from "../../../src/provider/index.ts";
import { drive, settings } from "../testing/drive.ts";
import { desiredLb, instanceId, node, port } from "../testing/values.ts";
import { World } from "../testing/world.ts";
import { planRetained, status, validate } from "./index.ts";

const lb = desiredLb({ ports: [port("TCP", 80, 30_080), port("UDP", 53, 30_053)] });
const nodes = [node(1), node(2)];
const { id } = lb;

function statusOf(world: World, wanted: DesiredLoadBalancer = lb, targets: readonly NodeTarget[] = nodes): LbStatus {
  return status(wanted, world.service(id), world.members(id), targets, settings);
}

async function made(): Promise<World> {
  const world = new World();
  await drive(world, id, { lb, nodes });
  world.settle();
  return world;
}

it("shows the name in small letters, its ports and who is ready", async () => {
  const world = await made();
  const { name, arn } = world.loadBalancers[0]!;
  expect(statusOf(world)).toEqual({
    ingress: [
      {
        hostname: `${name}-1.elb.eu-west-1.amazonaws.com`,
        ports: [
          { port: 53, protocol: "UDP" },
          { port: 80, protocol: "TCP" },
        ],
      },
    ],
    targets: { ready: 2, total: 2 },
    unhealthy: [],
    references: [arn],
    issues: [],
  });
});

it("shows nothing before AWS has set it up", async () => {
  const world = await made();
  world.loadBalancers[0]!.state = "provisioning";
  expect(statusOf(world).ingress).toEqual([]);
});

it("shows the one before while another scheme is being set up, then the new one", async () => {
  const world = await made();
  const wanted = { ...lb, scheme: "internet-facing" } as const;
  const before = world.loadBalancers[0]!.hostname.toLowerCase();
  const shown = new Set<string>();
  await drive(
    world,
    id,
    { lb: wanted, nodes },
    {
      onRound: () => {
        shown.add(statusOf(world, wanted).ingress[0]?.hostname ?? "");
        world.settle();
      },
    },
  );
  expect([...shown]).toEqual([before, world.loadBalancers[0]!.hostname.toLowerCase()]);
});

it("tells which node is not ready, and why", async () => {
  const world = await made();
  const targets = world.targetGroups.flatMap((group) => group.targets);
  const first = targets.find((target) => target.id === instanceId(1))!;
  Object.assign(first, { state: "unhealthy", reason: "Target.FailedHealthChecks" });
  expect(statusOf(world)).toMatchObject({
    targets: { ready: 1, total: 2 },
    unhealthy: [{ node: "n1", reason: "Target.FailedHealthChecks" }],
  });
  Object.assign(first, { state: "initial", reason: "Elb.InitialHealthChecking" });
  expect(statusOf(world).unhealthy).toEqual([
    { node: "n1", reason: "AWS has not checked it yet, which takes up to three minutes" },
  ]);
});

it("names the nodes that are left out", async () => {
  const world = await made();
  world.instances.set(instanceId(2), { state: "terminated", zone: "a", groups: [] });
  const bad = ["a", "b", "c", "d"].map((name) => ({ name, addresses: [], providerId: `gce://p/z/${name}` }));
  const [issue] = statusOf(world, lb, [...nodes, ...bad]).issues;
  expect(issue).toEqual({
    path: "nodes",
    severity: "degrade",
    reason: "NodesLeftOut",
    message:
      "a has the providerID gce://p/z/a, which is none of an instance; b has the providerID gce://p/z/b, which is none of an instance; c has the providerID gce://p/z/c, which is none of an instance and 2 more; nodes that are to get traffic have to be instances that run in vpc-1; label all others node.kubernetes.io/exclude-from-external-load-balancers",
  });
});

it("says nothing of machines of Fargate, unless there are no others", async () => {
  const world = await made();
  const fargate = { name: "f", addresses: [], providerId: "aws:///eu-west-1a/0a1b-2c/fargate-ip-10-0-0-9.internal" };
  expect(statusOf(world, lb, [...nodes, fargate])).toMatchObject({ targets: { ready: 2, total: 2 }, issues: [] });
  expect(statusOf(new World(), lb, [fargate])).toMatchObject({
    targets: {
      ready: 0,
      total: 0,
      why: "no node is an instance of EC2, and nothing else is sent to; add nodes that are",
    },
    issues: [],
  });
});

it("says that there are more targets than AWS takes across zones", () => {
  const annotations = { "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled": "true" };
  const ports = Array.from({ length: 10 }, (_, i) => port("TCP", i + 1, 30_001 + i));
  const many = Array.from({ length: 60 }, (_, i) => node(i + 1));
  const { issues } = statusOf(new World(100), { ...lb, annotations, ports }, many);
  expect(issues.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
    "QuotaExceeded: 60 nodes for 10 ports are more targets than AWS takes; 50 nodes get traffic; give fewer ports, or choose nodes by berth.dev/node-selector",
  ]);
});

it("tells of a listener that somebody made on a port of the Service", async () => {
  const world = await made();
  Object.assign(world.loadBalancers[0]!.listeners[0]!, { tags: {}, arn: "arn:hand" });
  expect(statusOf(world).issues).toEqual([
    {
      path: "spec.ports",
      port: { port: 53, protocol: "UDP" },
      severity: "degrade",
      reason: "ListenerConflict",
      message: "port 53 has a listener that is not Berth's; delete arn:hand",
    },
  ]);
});

it("refuses what the annotations ask for wrongly", () => {
  const annotations = { "service.beta.kubernetes.io/aws-load-balancer-scheme": "public" };
  expect(validate({ ...lb, annotations }, settings).map(({ reason }) => reason)).toEqual(["InvalidAnnotation"]);
});

it("marks all that is ours as retained, once, and nothing else", async () => {
  const world = await made();
  world.targetGroups.push({ ...world.targetGroups[0]!, arn: "arn:other", name: "other", tags: {} });
  const { steps } = planRetained(id, world.service(id));
  expect(steps.map(({ input }) => (input as { kind: string }).kind)).toEqual(Array(4).fill("addTags"));
  for (const step of steps) world.mutations.apply(step, new Map());
  expect(planRetained(id, world.service(id)).steps).toEqual([]);
  expect(world.targetGroups.at(-1)?.tags).toEqual({});
});
