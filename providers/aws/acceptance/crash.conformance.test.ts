// Test 2 of reference/aws.md, section 7.5: the process dies at a request, before it is done or after, at each request that
// changes something while a load balancer is made, changed, replaced or taken away. Another process goes on.
import { stdout } from "node:process";
import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { Account, certificate, otherCertificate } from "../testing/account.ts";
import type { Trouble } from "../testing/fake/fake-aws.ts";
import { Operator } from "../testing/operator.ts";
import { node, port } from "../testing/values.ts";
import { lbOf, prefix } from "../testing/wishes.ts";

const nodes = [node(1), node(2)];
const first = lbOf(2);
const changed = lbOf(0, {
  ports: [port("TCP", 80, 31_080, "p0"), port("TCP", 443, 30_443, "https"), port("UDP", 53, 30_053, "dns")],
  annotations: {
    [`${prefix}ssl-cert`]: `${certificate},${otherCertificate}`,
    [`${prefix}ssl-ports`]: "https",
    [`${prefix}attributes`]: "load_balancing.cross_zone.enabled=true",
    [`${prefix}additional-resource-tags`]: "team=web",
    [`${prefix}healthcheck-interval`]: "30",
  },
});
const other = lbOf(2, { scheme: "internet-facing" });

/** From one wish to another; null: there is none. */
const changes: readonly (readonly [what: string, from: DesiredLoadBalancer | null, to: DesiredLoadBalancer | null])[] =
  [
    ["create", null, first],
    ["update", first, changed],
    ["update back", changed, first],
    ["replace", first, other],
    ["delete", changed, null],
  ];
const ways: readonly Trouble[] = ["cut before", "cut after"];

/** An account in which the first wish is fulfilled, and a process that is to bring about the second. */
async function prepared(
  from: DesiredLoadBalancer | null,
  to: DesiredLoadBalancer | null,
): Promise<readonly [Account, Operator]> {
  const account = await Account.open();
  const operator = await Operator.start(account);
  if (from !== null) await wishFor(operator, from, from);
  want(operator, to, from);
  return [account, operator];
}

function want(operator: Operator, to: DesiredLoadBalancer | null, from: DesiredLoadBalancer | null): void {
  if (to === null) operator.letGo(from ?? first);
  else operator.want(to, nodes);
}

async function wishFor(
  operator: Operator,
  to: DesiredLoadBalancer | null,
  from: DesiredLoadBalancer | null,
): Promise<void> {
  want(operator, to, from);
  await operator.settle(true);
}

/** What is there of the Service, and not of all. */
function leftOf({ aws: { state } }: Account): number {
  const objects = [state.loadBalancers, state.listeners, state.targetGroups, state.groups].flatMap((all) => [
    ...all.values(),
  ]);
  return [...objects, ...state.rules()].filter(({ tags }) => tags.has("berth.dev/service-uid")).length;
}

it.each(changes)(
  "2: %s, cut off at any request, ends as if it had not been, and leaves nothing behind",
  async (what, from, to) => {
    const [whole, undisturbed] = await prepared(from, to);
    await using _ = whole;
    const before = whole.aws.writes().length;
    await undisturbed.settle(true);
    const count = whole.aws.writes().length - before;
    expect(count).toBeGreaterThan(0);
    let [cells, leaks] = [0, 0];
    for (const way of ways)
      for (let at = 1; at <= count; at++) {
        const [account, operator] = await prepared(from, to);
        await using __ = account;
        const done = account.aws.writes().length;
        const life = { wasCut: false };
        account.aws.trouble = ({ isWrite }) => {
          // Nothing that the dying process would still do counts.
          if (life.wasCut) return "cut before";
          life.wasCut = isWrite && account.aws.writes().length === done + at;
          return life.wasCut ? way : undefined;
        };
        for (let round = 0; round < 120 && !life.wasCut; round++) {
          await operator.round(true);
          operator.pass(10_000);
        }
        expect(life.wasCut, `${what}, ${String(way)} ${at}`).toBe(true);
        account.aws.trouble = () => undefined;
        const next = await Operator.start(account);
        await wishFor(next, to, from);
        expect(account.fingerprint(), `${what}, ${String(way)} ${at}`).toBe(whole.fingerprint());
        next.letGo(first);
        await next.settle(true);
        cells++;
        leaks += leftOf(account);
      }
    stdout.write(`crash matrix of aws-nlb, ${what}: ${count} requests, ${cells} cells, ${leaks} leaks\n`);
    expect([cells, leaks]).toEqual([2 * count, 0]);
  },
  600_000,
);
