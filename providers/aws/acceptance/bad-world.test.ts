// What cannot be because of how AWS is, and answers that are none: each with the condition that a user sees, when it is
// tried again, and how the other Services fare.
import { expect, it } from "vitest";
import { AwsError } from "../../../sandbox/aws/index.ts";
import { MemoryProvider } from "../../../src/provider/testing/memory-provider.ts";
import { Front, type Way } from "../testing/front.ts";
import { awsClass, Stage } from "../testing/stage.ts";
import { instanceId } from "../testing/values.ts";

const prefix = "service.beta.kubernetes.io/aws-load-balancer-";
const certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/gone";

interface Local {
  readonly what: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly name: string; readonly port: number; readonly nodePort: number }[];
  readonly arrange?: (stage: Stage) => void;
  readonly reason: string;
  /** Of the condition's message. */
  readonly words: readonly string[];
  /** What is made for it all the same. */
  readonly made?: "its other port";
}

const locals: readonly Local[] = [
  {
    what: "a subnet of another VPC",
    annotations: { subnets: "subnet-0eeeeeeeeeeeeeeee" },
    reason: "SubnetNotFound",
    words: ["subnet-0eeeeeeeeeeeeeeee is none of it", "give subnets of vpc-0a0a0a0a, by ID or Name"],
  },
  {
    what: "two subnets of one zone",
    annotations: { subnets: "subnet-internal-a,subnet-public-a" },
    reason: "SubnetsInOneZone",
    words: ["subnet-internal-a and subnet-public-a are both in eu-west-1a", "give one for each zone"],
  },
  {
    what: "an elastic address that somebody else has",
    annotations: { scheme: "internet-facing", subnets: "subnet-public-a", "eip-allocations": "eipalloc-00000001" },
    arrange: ({ account }) => account.aws.state.takenAllocations.set("eipalloc-00000001", "eni-00000001"),
    reason: "AddressInUse",
    words: ["eni-00000001 has eipalloc-00000001", "give one that is free"],
  },
  {
    what: "an elastic address of nowhere",
    annotations: { scheme: "internet-facing", subnets: "subnet-public-a", "eip-allocations": "eipalloc-00000002" },
    reason: "AddressNotFound",
    words: ["eipalloc-00000002 is none of it", "give elastic addresses of this account and region"],
  },
  {
    what: "an address outside its subnet",
    annotations: { subnets: "subnet-internal-a", "private-ipv4-addresses": "192.0.2.1" },
    reason: "AddressNotInSubnet",
    words: ["none of 192.0.2.1 is in subnet-internal-a (10.0.0.0/16", "give an address of each subnet"],
  },
  {
    what: "a security group of another VPC",
    annotations: { "security-groups": "sg-0eeeeeeeeeeeeeeee" },
    reason: "SecurityGroupNotFound",
    words: ["sg-0eeeeeeeeeeeeeeee is none of it", "give security groups of vpc-0a0a0a0a"],
  },
  {
    what: "a certificate that is not there",
    annotations: { "ssl-cert": certificate, "ssl-ports": "https" },
    ports: [
      { name: "http", port: 80, nodePort: 30_180 },
      { name: "https", port: 443, nodePort: 30_443 },
    ],
    reason: "CertificateNotFound",
    words: [certificate, "listener/443", "give a certificate of this account and region"],
    made: "its other port",
  },
];

it.each(locals)("$what: $reason, in five minutes again, and other Services are served", async (row) => {
  await using stage = await Stage.open();
  const { bench, account } = stage;
  row.arrange?.(stage);
  const annotations = Object.fromEntries(Object.entries(row.annotations).map(([key, text]) => [prefix + key, text]));
  const spec = { ...awsClass, ...(row.ports !== undefined && { ports: [...row.ports] }) };
  bench.api.createService("bad", spec, { annotations });
  bench.api.createService("good", awsClass);
  await stage.start({ workers: 1 });
  await stage.until(() => bench.condition("bad", "programmed") === `False ${row.reason}`, "it is told");
  for (const words of row.words) expect(bench.message("bad", "programmed")).toContain(words);
  await stage.until(() => stage.hostnames("good").length > 0, "the other one is served");
  await stage.rest();
  const seconds = stage.secondsUntilRetry("bad") ?? 0;
  const listeners = [...account.aws.state.listeners.values()].filter(
    ({ tags }) => tags.get("berth.dev/service") === "default/bad",
  );
  if (row.made === undefined) {
    // Nothing of it is made, and it waits its five minutes, or what is left of them.
    expect(account.fingerprint()).not.toContain("uid-bad");
    expect(seconds).toBeGreaterThan(60);
    return;
  }
  await stage.until(() => stage.hostnames("bad").length > 0, "it has its name all the same");
  expect(listeners.map(({ port }) => port)).toEqual([80]);
});

interface BadNode {
  readonly what: string;
  readonly providerID: string;
  readonly state?: string;
  readonly words: readonly string[];
}

const badNodes: readonly BadNode[] = [
  {
    what: "an instance that is terminated",
    providerID: `aws:///eu-west-1a/${instanceId(3)}`,
    state: "terminated",
    words: ["node3", `instance ${instanceId(3)} is terminated`],
  },
  {
    what: "an instance of another region",
    providerID: `aws:///us-east-1a/${instanceId(9)}`,
    words: ["node3", `AWS knows no instance ${instanceId(9)} in this VPC`],
  },
  {
    what: "a machine of another cloud",
    providerID: "gce://project/zone/node3",
    words: ["node3", "the providerID gce://project/zone/node3, which is none of an instance"],
  },
];

it.each(badNodes)("$what is no target and told, and the other nodes serve", async ({ providerID, state, words }) => {
  await using stage = await Stage.open();
  const { bench, account } = stage;
  if (state !== undefined) account.aws.state.instances.get(instanceId(3))!.state = state;
  bench.api.createNode("node3");
  bench.api.updateNode("node3", { spec: { providerID } });
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  await stage.until(() => bench.condition("web", "degraded").startsWith("True "), "it is told");
  for (const word of [...words, "have to be instances that run in vpc-0a0a0a0a; label all others "])
    expect(bench.message("web", "degraded")).toContain(word);
  const [group] = account.aws.state.targetGroups.values();
  const targets = [...(group?.targets.values() ?? [])].map(({ id }) => id);
  expect(new Set(targets)).toEqual(new Set([instanceId(1), instanceId(2)]));
});

/** How many instances take traffic. */
function registered({ account }: Stage): number {
  const [group] = account.aws.state.targetGroups.values();
  return [...(group?.targets.values() ?? [])].filter((one) => one.drainingSince === undefined).length;
}

it("nodes without a providerID are no targets: those among others are named with the remedy, and where all are it is told why", async () => {
  await using stage = await Stage.open();
  const { bench } = stage;
  const label = "node.kubernetes.io/exclude-from-external-load-balancers";
  for (const number of [3, 4, 5, 6]) bench.api.createNode(`node${number}`);
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  expect(registered(stage)).toBe(2);
  expect(bench.condition("web", "degraded")).toBe("True NodesLeftOut");
  const message = `nodes: without spec.providerID no traffic is sent to node3, node4, node5 and 1 more; have the kubelet (--provider-id) or the cloud controller manager set it, or label what is to get none ${label}`;
  expect(bench.message("web", "degraded")).toBe(message);
  expect(bench.events).toContain(`Warning NodesLeftOut default/web: ${message}`);
  for (const number of [3, 4, 5]) bench.api.updateNode(`node${number}`, { metadata: { labels: { [label]: "" } } });
  bench.api.updateNode("node6", { spec: { providerID: `aws:///a/${instanceId(3)}` } });
  await stage.until(() => bench.condition("web", "degraded") === "False NotDegraded", "it is mended");
  await stage.until(() => registered(stage) === 3, "it is sent to what has got one");
  for (const name of ["node1", "node2", "node6"]) bench.api.updateNode(name, { spec: null });
  await stage.until(() => bench.condition("web", "ready") === "False NoBackends", "it is told");
  expect(bench.message("web", "ready")).toContain("node2 by its lack of a providerID");
});

it("a node that its cloud controller manager has not come to yet is waited for without a word", async () => {
  await using stage = await Stage.open();
  const { bench } = stage;
  const taint = { key: "node.cloudprovider.kubernetes.io/uninitialized", value: "true", effect: "NoSchedule" };
  bench.api.createNode("node3");
  bench.api.updateNode("node3", { spec: { taints: [taint] } });
  bench.api.createService("web", awsClass);
  await stage.start();
  await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  expect([registered(stage), bench.condition("web", "degraded")]).toEqual([2, "False NotDegraded"]);
  bench.api.updateNode("node3", { spec: { providerID: `aws:///a/${instanceId(3)}`, taints: null } });
  await stage.until(() => registered(stage) === 3, "it is sent to");
  expect(bench.events.filter((text) => text.includes("NodesLeftOut"))).toEqual([]);
});

interface Refusal {
  readonly what: string;
  readonly error: AwsError;
  readonly reason: string;
  readonly words: string;
}

const refusals: readonly Refusal[] = [
  {
    what: "a VPC of another region",
    error: new AwsError("InvalidVpcID.NotFound", "The vpc ID 'vpc-0a0a0a0a' does not exist"),
    reason: "VpcNotFound",
    words: "give the VPC of the nodes by --aws-nlb-vpc-id, and its region by --aws-nlb-region",
  },
  {
    what: "a token that has run out",
    error: new AwsError("ExpiredToken", "The security token included in the request is expired", 403),
    reason: "CredentialsExpired",
    words: "see to it that the controller's credentials are renewed",
  },
  {
    what: "a clock that is wrong",
    error: new AwsError(
      "SignatureDoesNotMatch",
      "Signature expired: 20261128T000000Z is now earlier than 20261128T001000Z",
      403,
    ),
    reason: "ClockSkew",
    words: "set the clock of the controller's node right",
  },
  {
    what: "a clock that EC2 finds wrong",
    error: new AwsError("RequestExpired", "Request has expired", 400),
    reason: "CredentialsExpired",
    words: "see to it that the controller's credentials are renewed, and that the clock of its node is right",
  },
  {
    what: "keys that nobody knows",
    error: new AwsError("InvalidClientTokenId", "The security token included in the request is invalid", 403),
    reason: "CredentialsInvalid",
    words: "give the controller credentials that AWS knows",
  },
  {
    what: "a region that is turned off",
    error: new AwsError("OptInRequired", "You are not subscribed to this service", 403),
    reason: "RegionDisabled",
    words: "turn the region on for the account, or give another one",
  },
];

/** A Service of another provider beside it. */
function beside(stage: Stage): { readonly others: readonly MemoryProvider[] } {
  stage.bench.api.createService("other");
  return { others: [new MemoryProvider(stage.bench.world)] };
}

it.each(refusals)(
  "$what: $reason, in five minutes again; once it is mended all goes on",
  async ({ error, reason, words }) => {
    await using stage = await Stage.open();
    const { bench, account } = stage;
    let isBad = true;
    account.aws.trouble = () => (isBad ? error : undefined);
    bench.api.createService("web", awsClass);
    await stage.start({ workers: 1, ...beside(stage) });
    await stage.until(() => bench.condition("web", "programmed") === `False ${reason}`, "it is told");
    expect(bench.message("web", "programmed")).toContain(words);
    expect(bench.message("web", "programmed")).toContain(error.message);
    await stage.rest();
    expect(stage.secondsUntilRetry("web")).toBeGreaterThan(290);
    expect(bench.condition("other", "ready")).toMatch(/^True /);
    isBad = false;
    await stage.until(() => stage.hostnames("web").length > 0, "it is made after all");
  },
);

it.each([
  ["CreateLoadBalancer", "TooManyLoadBalancers", "raise the limit network load balancers in the region"],
  ["CreateTargetGroup", "TooManyTargetGroups", "raise the limit target groups in the region"],
  ["CreateSecurityGroup", "SecurityGroupLimitExceeded", "raise the limit security groups in the VPC"],
])(
  "%s that the region has no room for: QuotaExceeded, and no try leaves more behind (kubernetes#79994)",
  async (name, code, words) => {
    await using stage = await Stage.open();
    const { bench, account } = stage;
    bench.api.createService("first", awsClass);
    await stage.start({ workers: 1, ...beside(stage) });
    await stage.until(() => stage.hostnames("first").length > 0, "there was room for one");
    const before = account.fingerprint();
    account.aws.trouble = ({ action }) => (action === name ? new AwsError(code, "there is no room") : undefined);
    bench.api.createService("web", awsClass);
    await stage.until(() => bench.condition("web", "programmed") === "False QuotaExceeded", "it is told");
    expect(bench.message("web", "programmed")).toContain(words);
    const once = account.fingerprint();
    const from = bench.clock.monotonic();
    await stage.until(() => bench.clock.monotonic() - from >= 1_800_000, "half an hour goes by", 5000);
    expect(account.fingerprint()).toBe(once);
    expect(account.aws.journal.filter(({ outcome }) => outcome === code).length).toBeLessThanOrEqual(8);
    expect(bench.condition("other", "ready")).toMatch(/^True /);
    bench.api.deleteService("web");
    await stage.until(() => bench.api.service("web") === undefined, "it goes");
    expect(account.fingerprint()).toBe(before);
  },
);

const between = "see what stands between the controller and AWS, a proxy or another endpoint";
const away = "let the controller get to AWS' endpoints, or say by --aws-nlb-endpoint where AWS is";

it.each<[Way, string]>([
  ["nothing", away],
  ["silence", away],
  ["half an answer", between],
  ["a cut answer", between],
  ["an empty answer", between],
  ["a page", between],
  ["a whole page", between],
  ["a page of an error", between],
  ["a refusal of a proxy", between],
])(
  "%s instead of an answer: SyncFailed with the remedy, soon again, ever less often; once it is mended all goes on",
  async (way, remedy) => {
    await using stage = await Stage.open();
    await using front = await Front.start(stage.account.aws.endpoint);
    stage.elsewhere = () => front.count;
    const { bench } = stage;
    front.way = way;
    bench.api.createService("web", awsClass);
    await stage.start({ workers: 1, endpoint: front.endpoint, ...beside(stage) });
    await stage.until(() => bench.condition("web", "programmed") === "False SyncFailed", "it is told");
    expect(bench.message("web", "programmed")).toContain(remedy);
    await stage.until(() => bench.condition("other", "ready").startsWith("True "), "the other one is served");
    // The only worker waits for one answer at most.
    expect(bench.clock.monotonic()).toBeLessThanOrEqual(15_000);
    const [countBefore, from] = [front.count, bench.clock.monotonic()];
    await stage.until(() => bench.clock.monotonic() - from >= 240_000, "four minutes go by");
    // The first try comes within seconds, and each next one twice as late, up to minutes.
    const count = front.count - countBefore;
    expect([count >= 3, count <= 60]).toEqual([true, true]);
    expect(stage.account.aws.writes()).toEqual([]);
    front.way = "answer";
    await stage.until(() => stage.hostnames("web").length > 0, "it is made after all");
  },
);

it.each<Way>(["an empty answer", "a whole page"])(
  "%s is not taken for a list of nothing: what is there is neither made again nor forgotten",
  async (way) => {
    await using stage = await Stage.open();
    await using front = await Front.start(stage.account.aws.endpoint);
    stage.elsewhere = () => front.count;
    const { bench, account } = stage;
    bench.api.createService("web", awsClass);
    await stage.start({ endpoint: front.endpoint });
    await stage.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
    const [before, writes] = [account.fingerprint(), account.aws.writes().length];
    front.way = way;
    const from = bench.clock.monotonic();
    await stage.until(() => bench.clock.monotonic() - from >= 900_000, "a check goes by");
    bench.api.deleteService("web");
    await stage.until(() => bench.condition("web", "programmed") === "False SyncFailed", "it is told");
    expect([account.fingerprint(), account.aws.writes().length]).toEqual([before, writes]);
    front.way = "answer";
    await stage.until(() => bench.api.service("web") === undefined, "it goes");
    expect(account.fingerprint()).not.toContain("uid-web");
  },
);

it("nobody at the endpoint: SyncFailed with the remedy, and other providers go on", async () => {
  await using stage = await Stage.open();
  const front = await Front.start(stage.account.aws.endpoint);
  const { endpoint } = front;
  await front[Symbol.asyncDispose]();
  const { bench } = stage;
  bench.api.createService("web", awsClass);
  await stage.start({ workers: 1, endpoint, ...beside(stage) });
  await stage.until(() => bench.condition("web", "programmed") === "False SyncFailed", "it is told");
  expect(bench.message("web", "programmed")).toContain("ECONNREFUSED");
  expect(bench.message("web", "programmed")).toContain(away);
  expect(bench.condition("other", "ready")).toMatch(/^True /);
});
