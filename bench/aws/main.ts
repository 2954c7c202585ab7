// `node bench/aws/main.ts [--services 1000]`: what the provider aws-nlb asks of AWS, counted at the stand-in for it, and
// what planning costs. Time goes by there as the controller waits, so nothing depends on the machine but the last rows.
import { Command, Option } from "commander";
import { Account } from "../../providers/aws/testing/account.ts";
import { copyFor } from "../../providers/aws/testing/copies.ts";
import { Operator } from "../../providers/aws/testing/operator.ts";
import { node } from "../../providers/aws/testing/values.ts";
import { lbOf, numbered } from "../../providers/aws/testing/wishes.ts";
import type { Entry } from "../../sandbox/aws/index.ts";
import { FakeClock } from "../../src/base/fake-clock.ts";
import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import type { Desired, ScopeKey } from "../../src/provider/index.ts";
import { asCommand } from "../command.ts";
import { markdownTable } from "../comparison.ts";
import { parseCount } from "../count.ts";
import { describeMachine } from "../machine.ts";
import { summarize } from "../statistics.ts";

/** A row of the table: what it is of, and how many of which requests. */
type Row = readonly string[];

const head: Row = ["measure", "writes", "batched reads", "reads of one object", "all of them"];
/** What AWS tells of one object alone. */
const perObject = /Attributes$|^DescribeTargetHealth$|Certificates$/;

function row(name: string, asked: readonly Entry[]): Row {
  const reads = asked.filter(({ isWrite }) => !isWrite);
  const single = reads.filter(({ action }) => perObject.test(action)).length;
  return [name, ...[asked.length - reads.length, reads.length - single, single, asked.length].map(String)];
}

function nodesTo(count: number): readonly NodeTarget[] {
  return Array.from({ length: count }, (_, i) => node(i + 1));
}

/** From nothing to a load balancer that is set up and has its targets. */
async function creation(ports: number): Promise<Row> {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  operator.want(lbOf(ports), nodesTo(2));
  await operator.settle();
  return row(`a new Service of ${ports === 1 ? "1 port" : `${ports} ports`}`, account.aws.journal);
}

/** 250 nodes join at once. */
async function scaleUp(ports: number): Promise<readonly Row[]> {
  await using account = await Account.open({ instances: 250 });
  const operator = await Operator.start(account);
  operator.want(lbOf(ports), []);
  await operator.settle();
  const before = account.aws.journal.length;
  operator.want(lbOf(ports), nodesTo(250));
  await operator.settle();
  const asked = account.aws.journal.slice(before);
  const name = `250 nodes join a Service of ${ports === 1 ? "1 port" : `${ports} ports`}`;
  return [
    row(name, asked),
    row(
      `- registrations of them`,
      asked.filter(({ action }) => action === "RegisterTargets"),
    ),
  ];
}

/** The third check of many Services of which nobody changed any, and how long their plans take. */
async function check(count: number): Promise<{ readonly row: Row; readonly plansMs: readonly number[] }> {
  await using account = await Account.open();
  const operator = await Operator.start(account);
  const nodes = nodesTo(2);
  const all = Array.from({ length: count }, (_, i) => numbered(i));
  operator.want(numbered(0), nodes);
  await operator.settle();
  for (const lb of all.slice(1)) copyFor(account.aws.state, lb);
  const clock = new FakeClock();
  const adapter = await account.adapter({ clock });
  const wishes = all.flatMap((lb) => wishesOf(lb, nodes));
  const { signal } = new AbortController();
  let asked: readonly Entry[] = [];
  let plans: (() => number)[] = [];
  for (let round = 0; round < 3; round++) {
    clock.advance(600_000);
    account.pass(600_000);
    const before = account.aws.journal.length;
    const snapshot = await adapter.snapshot(
      wishes.map(([key]) => key),
      signal,
    );
    plans = [];
    for (const [key, desired] of wishes) {
      const observed = await adapter.observe(key, snapshot, signal);
      plans.push(() => adapter.plan(key, desired, observed, { now: 0, since: () => 0 }).steps.length);
    }
    asked = account.aws.journal.slice(before);
  }
  const plansMs = Array.from({ length: 10 }, () => {
    const start = process.threadCpuUsage();
    const steps = plans.reduce((sum, plan) => sum + plan(), 0);
    if (steps > 0) throw new Error(`${steps} steps where nothing changed`);
    const { user, system } = process.threadCpuUsage(start);
    return (user + system) / 1000;
  });
  return { row: row(`a check of ${count} Services (${3 * count} objects) that are as they should be`, asked), plansMs };
}

function wishesOf(lb: DesiredLoadBalancer, nodes: readonly NodeTarget[]): readonly (readonly [ScopeKey, Desired])[] {
  return [
    [
      { kind: "service", id: lb.id },
      { kind: "service", lb, nodes },
    ],
    [
      { kind: "members", id: lb.id },
      { kind: "members", lb, nodes },
    ],
  ];
}

async function run(argv: readonly string[]): Promise<void> {
  const { services } = new Command("bench/aws")
    .description("Counts what the provider aws-nlb asks of AWS, at the stand-in for it.")
    .addOption(
      new Option("--services <count>", "Services of a check")
        .default(1000)
        .argParser((value) => parseCount("--services", value, 10_000)),
    )
    .exitOverride()
    .parse(argv, { from: "user" })
    .opts<{ services: number }>();
  const many = await check(services);
  const rows = [await creation(1), await creation(10), ...(await scaleUp(1)), ...(await scaleUp(10)), many.row];
  const [first = 0, ...rest] = many.plansMs;
  process.stdout.write(
    [
      markdownTable([head, ...rows]),
      `Planning ${services} Services: ${first.toFixed(0)} ms of processor time the first time, ${summarize(rest).median.toFixed(0)} ms then`,
      `(${describeMachine()}).\n`,
    ].join("\n\n"),
  );
}

await asCommand("bench/aws", run);
