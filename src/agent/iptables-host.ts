import { errorMessage, FailureError, sleep } from "../base/index.ts";
import {
  type Candidate,
  type Exec,
  type Flavour,
  findIptables,
  findRefused,
  formatVersion,
  Iptables,
  type IptablesTools,
  isAtLeast,
  LockHeldError,
  Nfacct,
  RestoreError,
} from "../kernel/index.ts";
import type { Family } from "../net/index.ts";
import { type LogFields, type Logger, nullLogger } from "../telemetry/index.ts";
import { moduleRemedy } from "./kernel-modules.ts";
import { accountingNames, kubePrefix } from "./plan/index.ts";

/** What the rules of this machine can do. */
export interface IptablesHost {
  /** Runs iptables as this node has it, and all other programs. */
  readonly exec: Exec;
  /** Which kernel interface they talk to. */
  readonly flavour: Flavour;
  /** Those of the wanted families whose rules the kernel takes, sorted. */
  readonly families: readonly Family[];
  readonly randomFully: boolean;
  /** Families in which rules can count into kube-proxy's accounting objects. */
  readonly accounting: ReadonlySet<Family>;
  /** Families in which the kernel can remember a client. */
  readonly sessionAffinity: ReadonlySet<Family>;
  /** What the admin should read in the log once the agent has started. */
  readonly notes: readonly Note[];
}

export type Note = readonly [level: "info" | "warn", message: string, fields: LogFields];

/**
 * Chooses the tools and asks the kernel for every match and target that rules of ours have. Throws FailureError or
 * ProgramMissingError, with the remedy, when the first family cannot be served; what can be done without is left out
 * and reported.
 */
export async function inspectIptables(
  exec: Exec,
  wanted: readonly Family[],
  signal: AbortSignal,
  chainPrefix: string = kubePrefix,
  logger: Logger = nullLogger,
): Promise<IptablesHost> {
  const tools = await findIptables(exec, signal, chainPrefix);
  const notes: Note[] = [
    ["info", "iptables chosen", { version: formatVersion(tools.version), why: tools.why }],
    ...conflictNotes(tools, chainPrefix),
  ];
  const noCounters = await makeCounters(exec, signal);
  if (noCounters !== undefined)
    notes.push(["info", "dropped and localhost packets are not counted", { why: noCounters }]);
  const counting = noCounters === undefined;
  const families: Family[] = [];
  const accounting = new Set<Family>();
  const sessionAffinity = new Set<Family>();
  for (const family of wanted) {
    const ask = () => missingExtensions(tools.exec, family, counting, signal);
    const missing = await whenUnlocked(ask, logger, signal);
    const why = whyNotServed(missing, tools, family);
    if (why !== undefined) {
      if (family === wanted[0]) throw new FailureError(why);
      notes.push(["warn", "address family not served", { family, why }]);
      continue;
    }
    families.push(family);
    if (counting && !missing.has("nfacct")) accounting.add(family);
    if (!missing.has("recent")) sessionAffinity.add(family);
    for (const [name, reason] of missing) notes.push(["warn", "done without", { what: name, family, why: reason }]);
  }
  if (!wanted.includes("IPv6"))
    notes.push([
      "info",
      "address family not served",
      { family: "IPv6", why: "the kernel has none, or net.ipv6.conf.all.disable_ipv6 is 1" },
    ]);
  // 1.6.2 was the first to know the option; the kernel has had it since 3.14.
  const randomFully = isAtLeast(tools.version, 1, 6, 2);
  return {
    exec: tools.exec,
    flavour: tools.version.flavour,
    families: families.toSorted(),
    randomFully,
    accounting,
    sessionAffinity,
    notes,
  };
}

/** The tool itself has waited for some seconds. */
const lockPauseMs = 100;

/** Others may load large rule sets: who ended for that would be started again with a back-off that is longer still. */
async function whenUnlocked<T>(work: () => Promise<T>, logger: Logger, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LockHeldError) || signal.aborted) throw error;
      logger.warn("the start waits for the lock of iptables", { why: errorMessage(error) });
      await sleep(lockPauseMs, signal);
    }
  }
}

function conflictNotes({ version, conflicting }: IptablesTools, chainPrefix: string): Note[] {
  if (conflicting === undefined) return [];
  const { flavour, proxyChains } = conflicting;
  const ofPrefix = chainPrefix === kubePrefix ? "" : ` --iptables-chain-prefix=${chainPrefix}`;
  const fields = {
    count: proxyChains,
    why: `the kernel obeys both, iptables-${flavour} and iptables-${version.flavour} (kubernetes/kubernetes#71305); delete those of ${flavour} with 'berth agent cleanup --iptables=${flavour}${ofPrefix}'`,
  };
  return [["warn", "rules of a service proxy in the other iptables too", fields]];
}

/** Why there are none; undefined when they are there. */
async function makeCounters(exec: Exec, signal: AbortSignal): Promise<string | undefined> {
  try {
    await new Nfacct(exec).ensure(Object.values(accountingNames), signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return errorMessage(error);
  }
}

interface Extension extends Candidate {
  readonly name: string;
}

/** Without these, Services are served all the same. */
const optional: ReadonlySet<string> = new Set(["recent", "nfacct"]);

/** Why the rules of a family cannot be written, with the remedy; undefined when they can. */
function whyNotServed(
  missing: ReadonlyMap<string, string>,
  { version }: IptablesTools,
  family: Family,
): string | undefined {
  const needed = [...missing].filter(([name]) => !optional.has(name));
  if (needed.length === 0) return undefined;
  const what = needed.map(([name, reason]) => `${name} (${reason})`).join(", ");
  const names = needed.map(([name]) => name);
  return `iptables ${formatVersion(version)} or the kernel does not support what ${family} rules need: ${what}; ${moduleRemedy(names, family)}`;
}

/** Names what the kernel or the tools refuse, with what they say; `NAT` when they refuse the tables. */
async function missingExtensions(
  exec: Exec,
  family: Family,
  counting: boolean,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const all = [...extensions(family), ...(counting ? [nfacct] : [])];
  const options = { maxRestores: 2 * all.length, hopeful: true };
  try {
    const { refused } = await findRefused(new Iptables(exec, family), all, options, signal);
    return new Map(refused.map(({ candidate, why }) => [candidate.name, why]));
  } catch (error) {
    if (error instanceof RestoreError) return new Map([["NAT", error.reason]]);
    throw error;
  }
}

const nfacct: Extension = {
  name: "nfacct",
  table: "filter",
  rules: Object.values(accountingNames).map((name) => `-m nfacct --nfacct-name ${name}`),
};

/** Not sctp: to ask for it loads a kernel module that most nodes never need. Who has such a port learns it then. */
function extensions(family: Family): Extension[] {
  const target = family === "IPv4" ? "192.0.2.1:80" : "[2001:db8::1]:80";
  const nat = (name: string, ...rules: readonly string[]): Extension => ({ name, table: "nat", rules });
  const filter = (name: string, ...rules: readonly string[]): Extension => ({ name, table: "filter", rules });
  return [
    nat("comment", '-m comment --comment "a b"'),
    nat("tcp", "-p tcp -m tcp --dport 80"),
    nat("udp", "-p udp -m udp --dport 80"),
    nat("addrtype", "-m addrtype --dst-type LOCAL", "-m addrtype --src-type LOCAL"),
    nat("mark", "-m mark ! --mark 0x4000/0x4000 -j RETURN"),
    nat("statistic", "-m statistic --mode random --probability 0.5000000000"),
    nat("recent", "-m recent --name BERTH-TRIAL --rcheck --seconds 10 --reap", "-m recent --name BERTH-TRIAL --set"),
    nat("MARK", "-j MARK --or-mark 0x4000", "-j MARK --xor-mark 0x4000"),
    nat("DNAT", `-p tcp -m tcp -j DNAT --to-destination ${target}`),
    nat("MASQUERADE", "-j MASQUERADE"),
    filter("conntrack", "-m conntrack --ctstate RELATED,ESTABLISHED,DNAT"),
    filter("REJECT", "-j REJECT"),
  ];
}
