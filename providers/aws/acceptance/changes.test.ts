// Of what a Service changes: tests 3, 4, 5, 14, 16 and 17 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import { Account, certificate } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { desiredLb, node, port } from "../testing/values.ts";
import { lbOf, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];

/** How many targets take traffic behind each listener, those that are being drained left out. */
function registered({ aws: { state } }: Account): readonly number[] {
  return [...state.listeners.values()].map(({ forward }) =>
    forward
      .flatMap(({ group }) => [...(state.targetGroups.get(group)?.targets.values() ?? [])])
      .reduce((count, { drainingSince }) => count + Number(drainingSince === undefined), 0),
  );
}

it("3: another node port is registered before the old one goes, so that there is no moment without a target", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  const seen: number[] = [];
  account.aws.trouble = () => {
    seen.push(...registered(account));
    return undefined;
  };
  const before = account.aws.writes().length;
  operator.want(desiredLb({ ports: [port("TCP", 80, 31_999, "p0")] }), nodes);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(Math.min(...seen)).toBe(2);
  expect(
    account.aws
      .writes()
      .slice(before)
      .map(({ action }) => action),
  ).toEqual(["RegisterTargets", "DeregisterTargets"]);
  const [group] = account.aws.state.targetGroups.values();
  expect([...(group?.targets.keys() ?? [])].filter((key) => key.endsWith(":31999"))).toHaveLength(2);
});

it("4: TLS is turned on at a port that is in use, by changing its listener", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  const [before] = account.aws.state.listeners.keys();
  operator.want(lbOf(1, { annotations: { [`${prefix}ssl-cert`]: certificate } }), nodes);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect([...account.aws.state.listeners.values()].map(({ arn, protocol }) => [arn, protocol])).toEqual([
    [before, "TLS"],
  ]);
});

it("4: a protocol that AWS cannot mix with the old one comes with a target group of its own, and the old one goes once it is drained", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  const [before] = account.aws.state.targetGroups.keys();
  const seen: number[] = [];
  account.aws.trouble = () => {
    seen.push(...registered(account));
    return undefined;
  };
  operator.want(desiredLb({ ports: [port("UDP", 80, 30_080, "p0")] }), nodes);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(Math.min(...seen)).toBe(2);
  expect([...account.aws.state.listeners.values()].map(({ port: number, protocol }) => [number, protocol])).toEqual([
    [80, "UDP"],
  ]);
  expect([...account.aws.state.targetGroups.keys()]).not.toContain(before);
});

it("5: TCP and UDP on one port and one node port are one listener", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const ports = [port("TCP", 53, 30_053, "tcp"), port("UDP", 53, 30_053, "udp")];
  operator.want(desiredLb({ ports }), nodes);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect([...account.aws.state.listeners.values()].map(({ port: number, protocol }) => [number, protocol])).toEqual([
    [53, "TCP_UDP"],
  ]);
  expect([...account.aws.state.targetGroups.values()].map(({ protocol }) => protocol)).toEqual(["TCP_UDP"]);
});

it("5: TCP and UDP on one port and two node ports cannot both be: the second is told why, and left out", async () => {
  await using account = await Account.open();
  const ports = [port("TCP", 53, 30_053, "tcp"), port("UDP", 53, 30_054, "udp")];
  const issues = (await account.adapter()).validate(desiredLb({ ports }));
  expect(issues).toEqual([
    expect.objectContaining({ reason: "ListenerConflict", port: { port: 53, protocol: "UDP" } }),
  ]);
  expect(account.aws.journal).toEqual([]);
});

it("14: an attribute that nobody asks for any more is as AWS has it by itself", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const annotations = {
    [`${prefix}attributes`]: "load_balancing.cross_zone.enabled=true",
    [`${prefix}target-group-attributes`]: "preserve_client_ip.enabled=false",
    [`${prefix}listener-attributes.TCP-80`]: "tcp.idle_timeout.seconds=500",
  };
  const read = (): readonly (string | undefined)[] => {
    const { loadBalancers, targetGroups, listeners } = account.aws.state;
    const [lb, group, listener] = [loadBalancers, targetGroups, listeners].map(
      (all) => [...all.values()][0]?.attributes,
    );
    return [
      lb?.get("load_balancing.cross_zone.enabled"),
      group?.get("preserve_client_ip.enabled"),
      listener?.get("tcp.idle_timeout.seconds"),
    ];
  };
  operator.want(lbOf(1, { annotations }), nodes);
  await operator.settle();
  expect(read()).toEqual(["true", "false", "500"]);
  operator.want(lbOf(1), nodes);
  await operator.settle();
  expect(read()).toEqual(["false", "true", "350"]);
});

const healthz = {
  HealthCheckProtocol: "HTTP",
  HealthCheckPath: "/healthz",
  Matcher: { HttpCode: "200-399" },
  HealthCheckIntervalSeconds: 10,
  HealthCheckTimeoutSeconds: 6,
  HealthyThresholdCount: 2,
  UnhealthyThresholdCount: 2,
};

it("16: nodes say by themselves whether they take traffic; a node that drains is out before it ends", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const cluster = lbOf(1);
  operator.want(cluster, nodes);
  await operator.settle();
  const checkOf = (): unknown => [...account.aws.state.targetGroups.values()].map(({ check }) => check);
  expect(checkOf()).toEqual([{ ...healthz, HealthCheckPort: "10256" }]);
  operator.pass(60_000);
  account.aws.probe = (instance) => !instance.endsWith("1");
  expect(await operator.status(cluster)).toMatchObject({
    targets: { ready: 1, total: 2 },
    unhealthy: [{ node: "n1", reason: "Target.FailedHealthChecks" }],
  });
  const healthCheck = { protocol: "HTTP", port: 32_000, path: "/healthz" } as const;
  operator.want(lbOf(1, { externalTrafficPolicy: "Local", healthCheck }), nodes);
  await operator.settle();
  expect(checkOf()).toEqual([{ ...healthz, HealthCheckPort: "32000" }]);
});

it("17: of 51 ports the last is told why it is left out, and the other 50 are served", async () => {
  await using account = await Account.open({ instances: 1 });
  const operator = await Operator.start(account);
  const lb = lbOf(51);
  const issues = (await account.adapter()).validate(lb);
  expect(issues).toEqual([expect.objectContaining({ port: { port: 130, protocol: "TCP" }, reason: "QuotaExceeded" })]);
  operator.want(lb, [node(1)]);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(account.aws.state.listeners.size).toBe(50);
});
