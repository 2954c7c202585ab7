// What belongs to others: another cluster, another Service, another tenant. Refused, and untouched.
import { expect, it } from "vitest";
import { tagKeys } from "../identity.ts";
import { Front } from "../testing/front.ts";
import { awsClass, Stage } from "../testing/stage.ts";

const prefix = "service.beta.kubernetes.io/aws-load-balancer-";

it.each<[string, Readonly<Record<string, string>>, string]>([
  ["another cluster", { [tagKeys.cluster]: "theirs", [tagKeys.uid]: "uid-web" }, "it belongs to cluster theirs"],
  ["nobody, as far as tags tell", {}, "it belongs to somebody without Berth's tags"],
  [
    "another Service",
    { [tagKeys.cluster]: "cluster-1", [tagKeys.uid]: "uid-other", [tagKeys.service]: "other/web" },
    "it belongs to another Service of this cluster",
  ],
])("a name under which %s has a load balancer: Conflict, without the name of the other", async (_, tags, words) => {
  await using stage = await Stage.open();
  const { bench, account } = stage;
  account.addForeign("taken", tags);
  const before = account.fingerprint().split("\n");
  bench.api.createService("web", awsClass, { annotations: { [`${prefix}name`]: "taken" } });
  await stage.start();
  await stage.until(() => bench.condition("web", "programmed") === "False Conflict", "it is told");
  expect(bench.message("web", "programmed")).toContain(words);
  expect(bench.message("web", "programmed")).not.toContain("other/web");
  bench.api.deleteService("web");
  await stage.until(() => bench.api.service("web") === undefined, "it goes");
  expect(account.fingerprint().split("\n")).toEqual(expect.arrayContaining(before));
});

it("a security group of Berth's, of this cluster or of another: SecurityGroupReserved, and nothing is made", async () => {
  await using stage = await Stage.open();
  const { bench, account } = stage;
  bench.api.createService("mine", awsClass);
  await stage.start();
  await stage.until(() => stage.hostnames("mine").length > 0, "the first one is made");
  const { groups } = account.aws.state;
  const own = [...groups.values()].find(({ tags }) => tags.get(tagKeys.uid) === "uid-mine");
  const theirs = {
    ...own!,
    id: "sg-0bbbbbbbbbbbbbbbb",
    name: "theirs",
    tags: new Map([[tagKeys.cluster, "theirs"]]),
    rules: [],
  };
  groups.set(theirs.id, theirs);
  const before = account.fingerprint();
  for (const [name, group] of [
    ["by-id", own?.id ?? ""],
    ["by-name", own?.name ?? ""],
    ["of-another", theirs.id],
  ] as const)
    bench.api.createService(name, awsClass, { annotations: { [`${prefix}security-groups`]: group } });
  for (const name of ["by-id", "by-name", "of-another"])
    await stage.until(() => bench.condition(name, "programmed") === "False SecurityGroupReserved", `${name} is told`);
  expect(account.fingerprint()).toBe(before);
});

it("an elastic address that another Service has: AddressInUse, and nothing is made", async () => {
  await using stage = await Stage.open();
  const { bench, account } = stage;
  const { state } = account.aws;
  state.allocations.add("eipalloc-00000001");
  const annotations = {
    [`${prefix}scheme`]: "internet-facing",
    [`${prefix}subnets`]: "subnet-public-a",
    [`${prefix}eip-allocations`]: "eipalloc-00000001",
  };
  bench.api.createService("first", awsClass, { annotations });
  await stage.start();
  await stage.until(() => stage.hostnames("first").length > 0, "the first one has it");
  state.allocations.delete("eipalloc-00000001");
  state.takenAllocations.set("eipalloc-00000001", "eni-00000001");
  // What is known of addresses is a minute old at most.
  await stage.until(() => bench.clock.monotonic() > 300_000, "time goes by");
  bench.api.createService("second", awsClass, { annotations });
  await stage.until(() => bench.condition("second", "programmed") === "False AddressInUse", "it is told");
  expect(account.fingerprint()).not.toContain("uid-second");
  expect(bench.condition("first", "programmed")).toBe("True Programmed");
});

/** What a class for many tenants does not let Services say, each with a value that is another tenant's. */
const others = {
  "ssl-cert": "arn:aws:acm:eu-west-1:123456789012:certificate/of-others",
  "eip-allocations": "eipalloc-0000000f",
  "private-ipv4-addresses": "10.0.0.77",
  "security-groups": "sg-0ffffffffffffffff",
  subnets: "subnet-public-b",
  name: "of-others",
  "additional-resource-tags": "team=others",
  attributes: "access_logs.s3.enabled=true,access_logs.s3.bucket=of-others",
  scheme: "internet-facing",
} as const;

it.each(Object.entries(others))(
  "%s in a class that leaves it out: ignored, told, and AWS never hears of it",
  async (suffix, value) => {
    await using stage = await Stage.open();
    const { bench, account } = stage;
    bench.api.createService("web", awsClass, { annotations: { [prefix + suffix]: value } });
    await stage.start({ policy: { allowedOverrides: [] } });
    await stage.until(() => stage.hostnames("web").length > 0, "it is made as the class has it");
    expect(bench.condition("web", "degraded")).toBe("True OverrideNotAllowed");
    expect(bench.message("web", "degraded")).toContain(prefix + suffix);
    const sent = JSON.stringify(account.aws.writes().map(({ input }) => input));
    for (const part of value.split(/[,=]/).filter((word) => !["true", "team"].includes(word)))
      expect(sent).not.toContain(part);
  },
);

it("tags that would make a thing another Service's: InvalidAnnotation, and nothing is asked of AWS", async () => {
  await using stage = await Stage.open();
  const { bench, account } = stage;
  const annotations = { [`${prefix}additional-resource-tags`]: `${tagKeys.uid}=uid-other` };
  bench.api.createService("web", awsClass, { annotations });
  await stage.start();
  await stage.until(() => bench.condition("web", "accepted") === "False InvalidAnnotation", "it is refused");
  expect(bench.message("web", "accepted")).toContain(tagKeys.uid);
  expect(account.aws.writes()).toEqual([]);
});

it.each([`${prefix}endpoint`, "berth.dev/aws-nlb-endpoint", "berth.dev/endpoint"])(
  "an endpoint in the annotation %s: told, and nothing is ever sent there",
  async (key) => {
    await using stage = await Stage.open();
    const { bench, account } = stage;
    await using front = await Front.start(account.aws.endpoint);
    bench.api.createService("web", awsClass, { annotations: { [key]: front.endpoint } });
    await stage.start();
    await stage.until(() => stage.hostnames("web").length > 0, "it is made");
    const told = (["accepted", "degraded"] as const).map((aspect) => bench.message("web", aspect)).join();
    expect(told).toContain(key);
    expect(front.count).toBe(0);
  },
);
