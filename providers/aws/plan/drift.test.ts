import { expect, it } from "vitest";
import { type Case, casesText, http, https, wish } from "../testing/cases.ts";
import { desiredLb } from "../testing/values.ts";
import { nodeGroup, type World } from "../testing/world.ts";

const { id } = desiredLb();
const twoPorts = wish({}, { ports: [http, https] });

/** What somebody else does. */
const drifts: readonly (readonly [name: string, (world: World) => void])[] = [
  ["the load balancer is deleted", (world) => void world.loadBalancers.splice(0)],
  ["everything is deleted", (world) => void [world.loadBalancers.splice(0), world.targetGroups.splice(0)]],
  ["a listener is deleted", ({ loadBalancers }) => void loadBalancers[0]!.listeners.splice(0, 1)],
  [
    "a listener sends elsewhere",
    ({ loadBalancers }) => (loadBalancers[0]!.listeners[0]!.targetGroups = [{ targetGroup: "arn-x", weight: 1 }]),
  ],
  ["a target is deregistered", ({ targetGroups }) => void targetGroups[0]!.targets.splice(0, 1)],
  ["all targets are deregistered", ({ targetGroups }) => void targetGroups[0]!.targets.splice(0)],
  ["a target is being drained", ({ targetGroups }) => (targetGroups[0]!.targets[0]!.state = "draining")],
  [
    "a foreign target is registered",
    ({ targetGroups }) =>
      void targetGroups[0]!.targets.push({ id: "i-0000000c", port: 1, state: "healthy", reason: "" }),
  ],
  [
    "a tag is removed",
    ({ targetGroups }) => (targetGroups[0]!.tags = { ...targetGroups[0]!.tags, "berth.dev/service": "x" }),
  ],
  ["a tag is added", ({ targetGroups }) => (targetGroups[0]!.tags = { ...targetGroups[0]!.tags, audited: "yes" })],
  [
    "an attribute is changed",
    ({ loadBalancers }) =>
      (loadBalancers[0]!.attributes = { ...loadBalancers[0]!.attributes, "zonal_shift.config.enabled": "true" }),
  ],
  [
    "the health check is changed",
    ({ targetGroups }) => (targetGroups[0]!.healthCheck = { ...targetGroups[0]!.healthCheck, intervalSeconds: 99 }),
  ],
  [
    "who may connect is taken away",
    ({ groups }) => void groups.find(({ name }) => name.startsWith("k8s-"))!.rules.splice(0),
  ],
  [
    "a rule is added by hand",
    ({ groups }) =>
      void groups
        .find(({ name }) => name.startsWith("k8s-"))!
        .rules.push({ id: "sgr-x", protocol: "tcp", from: 22, to: 22, source: "10.0.0.0/8", tags: {} }),
  ],
  ["the nodes are closed", ({ groups }) => void groups.find(({ id }) => id === nodeGroup)!.rules.splice(0)],
  [
    "one rule of the nodes is missing",
    ({ groups }) => void groups.find(({ id }) => id === nodeGroup)!.rules.splice(0, 1),
  ],
  [
    "a listener is added by hand",
    ({ loadBalancers }) =>
      void loadBalancers[0]!.listeners.push({ ...loadBalancers[0]!.listeners[0]!, arn: "arn-h", port: 81, tags: {} }),
  ],
  ["the listener is somebody else's", ({ loadBalancers }) => (loadBalancers[0]!.listeners[0]!.tags = {})],
  [
    "a subnet is tagged anew",
    (world) => (world.network = { ...world.network, subnets: world.network.subnets.slice(1) }),
  ],
  [
    "the load balancer has failed",
    ({ loadBalancers }) => Object.assign(loadBalancers[0]!, { state: "failed", stateReason: "no addresses" }),
  ],
  ["the load balancer is somebody else's", ({ loadBalancers }) => (loadBalancers[0]!.tags = {})],
  [
    "the target group is somebody else's",
    ({ targetGroups }) => (targetGroups[0]!.tags = { "berth.dev/cluster": "another" }),
  ],
  [
    "the security group is somebody else's",
    ({ groups }) =>
      (groups.find(({ name }) => name.startsWith("k8s-"))!.tags = {
        "berth.dev/cluster": id.clusterId,
        "berth.dev/service-uid": "x",
      }),
  ],
  [
    "the group of all is somebody else's",
    ({ groups }) => (groups.find(({ name }) => name.startsWith("berth-"))!.tags = {}),
  ],
];

const cases = drifts.map(([name, change]): Case => ({ name, from: twoPorts, change, to: twoPorts }));

it("puts right what is ours, and nothing else", async () => {
  await expect(await casesText(cases)).toMatchFileSnapshot("testdata/drift.txt");
});
