// What each change costs in requests, how long its forwarding rule is away, and what a crash at any of its calls leaves.
import { Cloud } from "../../providers/gcp/testing/cloud.ts";
import { orAborted } from "../../src/base/index.ts";
import { Drive } from "../../src/provider/testing/drive.ts";
import { markdownTable } from "../comparison.ts";
import { type Change, changes, machines, wish } from "./wishes.ts";

/** Operations go on for so many requests, whatever these ask for. */
const steps = 3;
const ways = ["before the commit", "with the answer lost", "with the end of the process"] as const;

interface Cost {
  readonly writes: number;
  readonly polls: number;
  readonly reads: number;
  readonly ruleDeletes: number;
  readonly ruleInserts: number;
  /** Writes between the first delete of a rule and the last insert, both counted. */
  readonly gap: number;
  readonly keepsAddress: boolean | undefined;
}

interface Crashes {
  readonly cells: number;
  readonly leaks: number;
  readonly addressChanges: number;
}

/** A Markdown table with a row for each change. */
export async function tableOfCalls(signal: AbortSignal): Promise<string> {
  await using slow = await Cloud.start({ machines, steps });
  await using fast = await Cloud.start({ machines });
  const rows: string[][] = [];
  for (const [name, change] of Object.entries(changes)) {
    const cost = await orAborted(costOf(slow, change), signal);
    const crashes = await orAborted(crashesOf(fast, change), signal);
    process.stderr.write(`${name}: ${crashes.cells} crashes\n`);
    rows.push([
      name,
      ...[cost.writes, cost.reads, cost.polls, cost.ruleDeletes, cost.ruleInserts, cost.gap].map(String),
      cost.keepsAddress === undefined ? "-" : cost.keepsAddress ? "same" : "another",
      ...[crashes.cells, crashes.leaks, crashes.addressChanges].map(String),
    ]);
  }
  const totals = [8, 9, 10].map((column) => String(rows.reduce((sum, row) => sum + Number(row[column]), 0)));
  const head = ["measure", "writes", "reads", "polls", "rule deletes", "inserts", "gap in writes", "address"];
  return markdownTable([
    [...head, "crashes", "leaks", "lost addresses"],
    ...rows,
    ["all", ...Array<string>(7).fill(""), ...totals],
  ]);
}

/** Requests that a look at so many load balancers at once takes, when nothing is to be done. */
export async function lookOf(count: number): Promise<{ readonly lists: number; readonly ofMembers: number }> {
  await using cloud = await Cloud.start({ machines });
  const signal = new AbortController().signal;
  const { lb, nodes } = wish();
  const wishes = Array.from({ length: count }, (_, i) => ({ ...lb, id: { ...lb.id, uid: `${i}`, name: `web-${i}` } }));
  for (const one of wishes) await cloud.converge({ kind: "service", lb: one, nodes });
  const adapter = cloud.adapter();
  cloud.gce.journal.length = 0;
  const snapshot = await adapter.snapshot(
    wishes.flatMap((one) => adapter.scopes(one)),
    signal,
  );
  const lists = cloud.gce.journal.length;
  for (const one of wishes) for (const key of adapter.scopes(one)) await adapter.observe(key, snapshot, signal);
  if (cloud.gce.journal.some(({ isWrite }) => isWrite)) throw new Error("a look wrote something");
  return { lists, ofMembers: (cloud.gce.journal.length - lists) / count };
}

async function costOf(cloud: Cloud, { from, to }: Change): Promise<Cost> {
  await begin(cloud, from);
  const before = addressOf(cloud);
  await cloud.converge(to);
  const { journal } = cloud.gce;
  const writes = journal.filter(({ isWrite }) => isWrite);
  const isRule = ({ path }: { readonly path: string }): boolean => path.includes("/forwardingRules");
  const deletes = writes.filter((entry) => isRule(entry) && entry.method === "delete");
  const inserts = writes.filter((entry) => isRule(entry) && entry.method === "insert");
  const [gone, back] = [deletes[0], inserts.at(-1)];
  const polls = journal.filter(({ path }) => path.includes("/operations/")).length;
  return {
    writes: writes.length,
    polls,
    reads: journal.length - writes.length - polls,
    ruleDeletes: deletes.length,
    ruleInserts: inserts.length,
    gap: gone === undefined || back === undefined ? 0 : writes.indexOf(back) - writes.indexOf(gone) + 1,
    keepsAddress: from === null || to === null ? undefined : isKept(cloud, before),
  };
}

/** Cuts it off at each of its steps in each way, lets it go on, and looks for what should not be there. */
async function crashesOf(cloud: Cloud, { from, to, replaces = false }: Change): Promise<Crashes> {
  await begin(cloud, from);
  await cloud.converge(to);
  const expected = cloud.fingerprint();
  let [cells, leaks, addressChanges] = [0, 0, 0];
  for (const how of ways)
    for (let at = 0; ; at++) {
      await begin(cloud, from);
      const before = addressOf(cloud);
      const adapter = cloud.adapter();
      const keys = adapter.scopes((to ?? from ?? wish()).lb);
      const drive = new Drive(adapter, to, keys);
      if (!(await drive.run({ at, how }))) break;
      if (how === "with the end of the process") await cloud.converge(to);
      else await drive.run();
      cells++;
      if (cloud.fingerprint() !== expected || cloud.gce.dangling().length > 0) leaks++;
      const isMeant = replaces || from === null || to === null;
      if (!isMeant && !isKept(cloud, before)) addressChanges++;
    }
  return { cells, leaks, addressChanges };
}

async function begin(cloud: Cloud, state: Change["from"]): Promise<void> {
  cloud.gce.clear();
  if (state !== null) await cloud.converge(state);
  cloud.gce.journal.length = 0;
}

interface Held {
  readonly address: string | undefined;
  /** Of what holds it, which is another each time that it is reserved. */
  readonly id: string;
}

/** The address of the IPv4 rule. */
function addressOf(cloud: Cloud): Held {
  const rules = cloud.gce.world.list(/\/forwardingRules\/[^/]+$/);
  const address = rules.map(({ IPAddress }) => String(IPAddress)).find((one) => !one.includes(":"));
  return { address, id: String(cloud.gce.world.reservationsOf(address)[0]?.["id"]) };
}

/** The stand-in gives another address to whoever lets go of one, as Google Cloud does. */
function isKept(cloud: Cloud, { address, id }: Held): boolean {
  const now = addressOf(cloud);
  return now.address === address && now.id === id;
}
