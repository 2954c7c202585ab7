// What takes many requests: tests 2, 15 and 18 of reference/aws.md, section 7.5.
import { expect, it } from "vitest";
import { Account } from "../testing/account.ts";
import { Operator } from "../testing/operator.ts";
import { node } from "../testing/values.ts";
import { lbOf, numbered } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];

it("2: ends the same wherever a write is cut off, before it is done or after, with nothing left over", async () => {
  const lb = lbOf(2);
  await using whole = await Account.open();
  const first = await Operator.start(whole);
  first.want(lb, nodes);
  await first.settle();
  const count = whole.aws.writes().length;
  for (const cut of ["cut before", "cut after"] as const)
    for (let at = 0; at < count; at++) {
      await using account = await Account.open();
      const operator = await Operator.start(account);
      operator.want(lb, nodes);
      account.aws.trouble = ({ isWrite }) => (isWrite && account.aws.writes().length === at + 1 ? cut : undefined);
      await operator.round();
      account.aws.trouble = () => undefined;
      const next = await Operator.start(account);
      next.want(lb, nodes);
      await next.settle();
      expect(account.fingerprint(), `${cut} ${at}`).toBe(whole.fingerprint());
      next.letGo(lb);
      await next.settle();
      expect([...account.aws.state.loadBalancers.values(), ...account.aws.state.targetGroups.values()]).toEqual([]);
    }
});

it("15: 1,000 Services are checked by batches, without a write or a list of the whole account", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const count = 1000;
  for (let i = 0; i < count; i++) operator.want(numbered(i), nodes);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  operator.pass(600_000);
  const before = account.aws.journal.length;
  const plans = await operator.resync();
  expect(plans.filter(({ steps, waits }) => steps.length + waits.length > 0)).toEqual([]);
  const asked = account.aws.journal.slice(before);
  const perObject = /Attributes$|^DescribeTargetHealth$|Certificates$/;
  const batched = asked.filter(({ action }) => !perObject.test(action));
  const owned = 3 * count;
  const pages = owned / 100 + 4 * (count / 100);
  expect(batched.length).toBeLessThanOrEqual(owned / 20 + pages + 10);
  expect(asked.length - batched.length).toBeLessThanOrEqual(20);
  expect(asked.filter(({ isWrite, outcome }) => isWrite || outcome !== "ok")).toEqual([]);
});

it("18: takes 20 load balancers of a namespace away at once and leaves nothing of them", async () => {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const all = Array.from({ length: 20 }, (_, i) => numbered(i));
  for (const lb of all) operator.want(lb, nodes);
  await operator.settle();
  expect(account.aws.state.loadBalancers.size).toBe(20);
  for (const lb of all) operator.letGo(lb);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  expect(account.fingerprint()).not.toContain("uid-");
});
