// The whole controller on an account: tests 10 to 13, 18 and 19 of reference/aws.md, section 7.5, as a user meets them.
import { afterEach, beforeEach, expect, it } from "vitest";
import { AwsError, nodeGroup, type State } from "../../../sandbox/aws/index.ts";
import { isActive } from "../../../sandbox/aws/load-balancers.ts";
import { type LoadBalancerClass, loadBalancerClasses, services } from "../../../src/api/index.ts";
import { contentHash, RequestBudget, requestMeters } from "../../../src/provider/index.ts";
import { MemoryProvider } from "../../../src/provider/testing/memory-provider.ts";
import { createMetrics } from "../../../src/telemetry/index.ts";
import { tagKeys } from "../identity.ts";
import { provider } from "../index.ts";
import { awsClass, Stage } from "../testing/stage.ts";
import { instanceId } from "../testing/values.ts";

const prefix = "service.beta.kubernetes.io/aws-load-balancer-";

let stage: Stage;
let account: Stage["account"];
let bench: Stage["bench"];

beforeEach(async () => {
  stage = await Stage.open();
  ({ account, bench } = stage);
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

it("a Service gets the name of its load balancer once AWS has set it up, is ready once a target is, and goes without a trace", async () => {
  bench.api.createService("web", awsClass);
  bench.api.put(loadBalancerClasses, {
    metadata: { name: "nlb", uid: "uid-nlb", generation: 1 },
    spec: { ...awsClass, awsNlb: {} },
  });
  await stage.start();
  await stage.until(() => account.aws.state.loadBalancers.size === 1, "it is made");
  expect(stage.hostnames("web")).toEqual([]);
  await stage.until(() => bench.condition("web", "programmed") === "True Programmed", "it is set up");
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "a target is healthy");
  const [lb] = account.aws.state.loadBalancers.values();
  expect(stage.hostnames("web")).toEqual([`${lb?.name}-0123456789abcdef.elb.eu-west-1.amazonaws.com`]);
  const { conditions = [] } = bench.api.object<LoadBalancerClass>(loadBalancerClasses, "nlb")?.status ?? {};
  expect(conditions[0]?.message).toBe(
    "Services of this class are served, as arn:aws:sts::123456789012:assumed-role/berth/x in eu-west-1",
  );
  bench.api.deleteService("web");
  await stage.until(() => bench.api.service("web") === undefined, "it goes");
  expect(account.fingerprint()).not.toContain("uid-web");
});

it.each<[string, (state: State) => void]>([
  [
    "a load balancer",
    ({ listeners, loadBalancers }) => {
      listeners.clear();
      loadBalancers.clear();
    },
  ],
  ["a listener", ({ listeners }) => listeners.clear()],
  [
    "a target group",
    ({ listeners, targetGroups }) => {
      listeners.clear();
      targetGroups.clear();
    },
  ],
  ["a target", ({ targetGroups }) => [...targetGroups.values()].forEach(({ targets }) => targets.clear())],
  [
    "a rule of who may connect",
    ({ groups }) => [...groups.values()].forEach(({ tags, rules }) => tags.has(tagKeys.uid) && rules.splice(0)),
  ],
  ["a rule of the nodes", ({ groups }) => void groups.get(nodeGroup)?.rules.splice(0)],
  ["a tag", ({ loadBalancers }) => [...loadBalancers.values()].forEach(({ tags }) => tags.delete(tagKeys.service))],
])("10: %s that somebody takes away by hand is there again within one check", async (_, harm) => {
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  const before = account.fingerprint();
  harm(account.aws.state);
  expect(account.fingerprint()).not.toBe(before);
  const from = bench.clock.monotonic();
  await stage.until(() => account.fingerprint() === before, "all is as before");
  // The check comes after ten minutes, give or take a fifth.
  expect(bench.clock.monotonic() - from).toBeLessThanOrEqual(730_000);
});

it("12: throttling makes the provider pause, and everything is done all the same", async () => {
  // One a second, and 25 at once: a fraction of what is asked for.
  let [tokens, at] = [25, account.aws.state.now];
  account.aws.trouble = () => {
    const { now } = account.aws.state;
    tokens = Math.min(25, tokens + (now - at) / 1000);
    at = now;
    if (tokens < 1) return new AwsError("Throttling", "Rate exceeded");
    tokens--;
    return undefined;
  };
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => stage.hostnames("web").length > 0, "it has its name");
  const throttled = account.aws.journal.filter(({ outcome }) => outcome === "Throttling").length;
  expect([throttled > 2, throttled < account.aws.journal.length / 4]).toEqual([true, true]);
});

it("12: with half of all reads throttled no write is lost or done twice, tries are bounded, and metrics tell", async () => {
  let reads = 0;
  // By turns would be too regular: each read that is tried again would succeed.
  const isRefused = (): boolean => contentHash(reads++) < "8";
  account.aws.trouble = ({ isWrite }) =>
    !isWrite && isRefused() ? new AwsError("Throttling", "Rate exceeded") : undefined;
  bench.api.createService("web", awsClass);
  const metrics = createMetrics();
  const budget = new RequestBudget(provider.rates ?? {}, bench.clock);
  await stage.start({ requestLimits: { budget, meter: requestMeters(metrics)("aws-nlb") } });
  const from = bench.clock.monotonic();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  const { journal } = account.aws;
  const throttled = journal.filter(({ outcome }) => outcome === "Throttling").length;
  // The same writes as without any throttling, each once.
  const kinds = Map.groupBy(account.aws.writes(), ({ action }) => action);
  expect(Object.fromEntries([...kinds].map(([action, all]) => [action, all.length]))).toEqual({
    AuthorizeSecurityGroupIngress: 2,
    CreateListener: 1,
    CreateLoadBalancer: 1,
    CreateSecurityGroup: 2,
    CreateTargetGroup: 1,
    RegisterTargets: 1,
  });
  expect(account.aws.writes().filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  // Of two reads one is refused; with room for chance.
  const done = journal.length - throttled;
  expect([throttled > 20, throttled < 2 * done]).toEqual([true, true]);
  expect(journal.length).toBeLessThan(400);
  expect(bench.clock.monotonic() - from).toBeLessThan(3_600_000);
  const text = await metrics.getSingleMetricAsString("lb_provider_api_requests_total");
  const counted = [...text.matchAll(/provider="aws-nlb",op="\w+",code="throttled"} (\d+)/g)].map(([, count]) =>
    Number(count),
  );
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(throttled);
});

it("13: another scheme is refused until it may replace the address; then the new one works before the old one goes", async () => {
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => stage.hostnames("web").length > 0, "it has its name");
  const [old] = account.aws.state.loadBalancers.values();
  const before = account.fingerprint();
  bench.api.updateService("web", { metadata: { annotations: { "berth.dev/scheme": "internet-facing" } } });
  await stage.until(() => bench.condition("web", "programmed") === "False ReplacementRequired", "it is refused");
  expect(account.fingerprint()).toBe(before);
  const [name] = stage.hostnames("web");
  const deletions: unknown[] = [];
  account.aws.trouble = ({ action, input }) => {
    if (action !== "DeleteLoadBalancer") return undefined;
    const { state } = account.aws;
    const others = [...state.loadBalancers.values()].filter(({ arn }) => arn !== input["LoadBalancerArn"]);
    const isUp = others.map((one) => [one.scheme, isActive(state, one)]);
    const isShown = stage.hostnames("web")[0]?.startsWith(others[0]?.name ?? "none");
    deletions.push({ of: input["LoadBalancerArn"], isUp, isShown });
    return undefined;
  };
  const shown = new Set<string>();
  bench.api.onWrite = () => void shown.add(stage.hostnames("web").join());
  bench.api.updateService("web", { metadata: { annotations: { "berth.dev/allow-replace": "true" } } });
  await stage.until(() => account.aws.state.loadBalancers.size === 2, "the new one is made");
  await stage.until(() => account.aws.state.loadBalancers.size === 1, "the old one goes");
  expect(deletions).toEqual([{ of: old?.arn, isUp: [["internet-facing", true]], isShown: true }]);
  // Never without a name.
  expect(shown.has("")).toBe(false);
  expect(stage.hostnames("web")).not.toEqual([name]);
});

it("8: more targets than AWS takes are told, and never asked for", async () => {
  for (let number = 3; number <= 60; number++) {
    account.run(instanceId(number));
    bench.api.createNode(`node${number}`);
    bench.api.updateNode(`node${number}`, { spec: { providerID: `aws:///a/${instanceId(number)}` } });
  }
  const ports = Array.from({ length: 10 }, (_, i) => ({ name: `p${i}`, port: 80 + i, nodePort: 30_080 + i }));
  const annotations = { [`${prefix}attributes`]: "load_balancing.cross_zone.enabled=true" };
  bench.api.createService("web", { ...awsClass, ports }, { annotations });
  await stage.start();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  expect(bench.condition("web", "degraded")).toBe("True QuotaExceeded");
  expect(bench.message("web", "degraded")).toContain("60 nodes for 10 ports are more targets than AWS takes; 50 nodes");
  expect(account.aws.journal.filter(({ outcome }) => outcome === "TooManyTargets")).toEqual([]);
  expect([...account.aws.state.targetGroups.values()].map(({ targets }) => targets.size)).toEqual(Array(10).fill(50));
});

it("9: while AWS holds on to what is deleted, the only worker is there for others within a second", async () => {
  bench.api.createService("web", awsClass);
  await stage.start({ workers: 1, others: [new MemoryProvider(bench.world)], pool: ["192.0.2.0/24"] });
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  const left: Record<string, number> = { DeleteTargetGroup: 3, DeleteSecurityGroup: 5 };
  const words: Readonly<Record<string, string>> = {
    DeleteTargetGroup: "ResourceInUse",
    DeleteSecurityGroup: "DependencyViolation",
  };
  const others: string[] = [];
  account.aws.trouble = ({ action }) => {
    const count = left[action] ?? 0;
    if (count === 0) return undefined;
    left[action] = count - 1;
    // Each time somebody comes who wants something at once.
    const name = `other-${others.length}`;
    others.push(name);
    bench.api.createService(name);
    return new AwsError(words[action] ?? "", "it is held");
  };
  bench.api.deleteService("web");
  const isReady = (name: string): boolean => bench.condition(name, "ready").startsWith("True ");
  const cameAt = new Map<string, number>();
  const longest = { ms: 0 };
  await stage.until(
    () => {
      const now = bench.clock.monotonic();
      for (const name of others) if (!cameAt.has(name)) cameAt.set(name, now);
      for (const [name, at] of cameAt) if (!isReady(name)) longest.ms = Math.max(longest.ms, now - at);
      return bench.api.service("web") === undefined && others.every(isReady);
    },
    "it goes",
    100,
  );
  expect([others.length, longest.ms <= 1000]).toEqual([8, true]);
  expect(account.fingerprint()).not.toContain("uid-web");
});

it("11: one that is protected from its deletion stays, and the Service with it says so", async () => {
  const annotations = { [`${prefix}attributes`]: "deletion_protection.enabled=true" };
  bench.api.createService("web", awsClass, { annotations });
  await stage.start();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  const before = account.fingerprint();
  bench.api.deleteService("web");
  await stage.until(() => bench.condition("web", "programmed") === "False DeletionProtected", "it is told");
  expect(bench.message("web", "programmed")).toContain("turn deletion_protection.enabled off on arn:aws:");
  expect(account.fingerprint()).toBe(before);
  const [lb] = account.aws.state.loadBalancers.values();
  lb?.attributes.set("deletion_protection.enabled", "false");
  await stage.until(() => bench.api.service("web") === undefined, "it goes");
  expect(account.fingerprint()).not.toContain("uid-web");
});

it("a permission that is missing is named, action by action", async () => {
  account.aws.trouble = ({ action }) =>
    action === "CreateLoadBalancer"
      ? new AwsError(
          "AccessDenied",
          "User: x is not authorized to perform: elasticloadbalancing:CreateLoadBalancer",
          403,
        )
      : undefined;
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => bench.condition("web", "programmed") === "False Forbidden", "it is told");
  expect(bench.message("web", "programmed")).toContain("allow elasticloadbalancing:CreateLoadBalancer");
});

it("a wish that AWS cannot fulfil is told with its key, and nothing is asked of AWS for it", async () => {
  bench.api.createService("web", awsClass, { annotations: { [`${prefix}nlb-target-type`]: "ip" } });
  await stage.start();
  await stage.until(() => bench.condition("web", "accepted") === "False InvalidAnnotation", "it is refused");
  expect(bench.message("web", "accepted")).toContain(`${prefix}nlb-target-type`);
  expect(account.aws.writes()).toEqual([]);
});

it("18: a namespace of 20 Services goes, and leaves nothing behind", async () => {
  const names = Array.from({ length: 20 }, (_, i) => `web-${i}`);
  for (const name of names) bench.api.createService(name, awsClass);
  await stage.start();
  await stage.until(() => names.every((name) => stage.hostnames(name).length > 0), "all are made");
  for (const name of names) bench.api.deleteService(name);
  await stage.until(() => names.every((name) => bench.api.service(name) === undefined), "all are gone");
  expect(account.fingerprint()).not.toContain("uid-web");
}, 120_000);

it("19: what no Service wants any more goes, and nothing of anybody else", async () => {
  bench.api.createService("web", awsClass);
  bench.api.createService("kept", awsClass);
  await stage.start();
  await stage.until(() => stage.hostnames("web").length + stage.hostnames("kept").length === 2, "both are made");
  await stage.stop();
  bench.api.remove(services, "default/web");
  const foreign = [...account.aws.state.loadBalancers.values()][0]!;
  const other = {
    ...foreign,
    arn: account.aws.state.arn("loadbalancer/net", "other"),
    name: "other",
    groups: [],
    tags: new Map([["berth.dev/cluster", "other"]]),
  };
  account.aws.state.loadBalancers.set(other.arn, other);
  await stage.start({ orphans: { deletes: true, graceMs: 0 } });
  await stage.until(() => !account.fingerprint().includes("uid-web"), "the orphan goes", 5000);
  await stage.rest();
  const left = [...account.aws.state.loadBalancers.values()].map(
    ({ tags }) => tags.get("berth.dev/service") ?? "other",
  );
  expect(left.toSorted()).toEqual(["default/kept", "other"]);
});
