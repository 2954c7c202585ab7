import {
  applyNft,
  type Exec,
  execOk,
  type Flavour,
  flavouredExec,
  Iptables,
  ProgramMissingError,
  ruleTarget,
  type SavedChain,
  type SavedTables,
  trialChain,
} from "../kernel/index.ts";
import type { Family } from "../net/index.ts";
import { type ChainNames, chainNames, isServiceChain, kubePrefix } from "./plan/index.ts";
import { removeVipRoutes } from "./vip-routes.ts";

export interface CleanUp {
  /** What was taken away, for people: `IPv4 (nft): 12 chains and 9 jumps`. */
  readonly removed: readonly string[];
  /** Chains that stay because somebody else's rules use them. */
  readonly kept: readonly string[];
  readonly failed: readonly { readonly what: string; readonly error: unknown }[];
}

/** What `kube-proxy --cleanup` deletes beside the chains of Services. KUBE-FIREWALL and the like are kubelet's. */
function ownChains(names: ChainNames): ReadonlyMap<string, readonly string[]> {
  const { services, externalServices, forward, nodePorts, proxyFirewall, postrouting, markMasq, canary } = names;
  return new Map([
    ["nat", [services, nodePorts, postrouting, markMasq, canary]],
    ["filter", [services, externalServices, forward, nodePorts, proxyFirewall, canary]],
    ["mangle", [canary]],
  ]);
}

/** What is to be cleaned up. */
export interface CleanUpScope {
  readonly flavours?: readonly Flavour[];
  /** Of the chains; another than kube-proxy's is another proxy's, whose nftables tables are not touched either. */
  readonly chainPrefix?: string;
}

/**
 * Takes away every rule of a service proxy, ours or kube-proxy's, in both implementations of iptables, and the tables
 * of kube-proxy's nftables mode. Goes on after a failure. Leaves kubelet's chains, system settings and tracked
 * connections, as kube-proxy does.
 */
export async function cleanUp(
  exec: Exec,
  families: readonly Family[],
  signal: AbortSignal,
  { flavours = ["nft", "legacy"], chainPrefix = kubePrefix }: CleanUpScope = {},
): Promise<CleanUp> {
  const names = chainNames(chainPrefix);
  const result = { removed: [] as string[], kept: [] as string[], failed: [] as { what: string; error: unknown }[] };
  let found = false;
  for (const flavour of flavours)
    for (const family of families) found = (await cleanUpFamily(exec, flavour, family, names, signal, result)) || found;
  // An image may have the tools under their plain names only.
  if (!found) for (const family of families) await cleanUpFamily(exec, undefined, family, names, signal, result);
  if (chainPrefix === kubePrefix) await cleanUpRoutes(exec, families, signal, result);
  if (flavours.includes("nft") && chainPrefix === kubePrefix)
    try {
      result.removed.push(...(await removeNftTables(exec, families, signal)).map((table) => `nftables: ${table}`));
    } catch (error) {
      signal.throwIfAborted();
      result.failed.push({ what: "nftables: kube-proxy", error });
    }
  return result;
}

async function cleanUpRoutes(
  exec: Exec,
  families: readonly Family[],
  signal: AbortSignal,
  result: Result,
): Promise<void> {
  for (const family of families)
    try {
      const gone = await removeVipRoutes(exec, family, signal);
      if (gone.length > 0) result.removed.push(`${family}: local routes to ${gone.join(", ")}`);
    } catch (error) {
      signal.throwIfAborted();
      // Without `ip` none was ever made.
      if (!(error instanceof ProgramMissingError)) result.failed.push({ what: `${family}: local routes`, error });
    }
}

interface Result {
  readonly removed: string[];
  readonly kept: string[];
  readonly failed: { what: string; error: unknown }[];
}

/** Whether the tools are there. */
async function cleanUpFamily(
  exec: Exec,
  flavour: Flavour | undefined,
  family: Family,
  names: ChainNames,
  signal: AbortSignal,
  result: Result,
): Promise<boolean> {
  const what = flavour === undefined ? family : `${family} (${flavour})`;
  const iptables = new Iptables(flavouredExec(exec, flavour), family);
  try {
    const removal = planRemoval(await iptables.save(signal, [...ownChains(names).keys()]), names);
    result.kept.push(...removal.kept.map((chain) => `${what}: ${chain}`));
    if (removal.lines.length === 0) return true;
    await iptables.restore(removal.lines, signal);
    result.removed.push(`${what}: ${removal.chains} chains and ${removal.jumps} jumps`);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ProgramMissingError && flavour !== undefined) return false;
    result.failed.push({ what, error });
    return true;
  }
}

interface Removal {
  /** Restore input; empty when nothing is to be done. */
  readonly lines: readonly string[];
  readonly chains: number;
  readonly jumps: number;
  /** `table chain (used by CHAIN)`. */
  readonly kept: readonly string[];
}

/** What takes a service proxy's chains out of what was saved. */
function planRemoval(saved: SavedTables, names: ChainNames): Removal {
  const plans = [...ownChains(names)].map(([table, own]) =>
    planTable(table, own, saved.get(table) ?? new Map(), names),
  );
  return {
    lines: plans.flatMap(({ lines }) => lines),
    chains: plans.reduce((sum, { chains }) => sum + chains, 0),
    jumps: plans.reduce((sum, { jumps }) => sum + jumps, 0),
    kept: plans.flatMap(({ kept }) => kept),
  };
}

function planTable(
  table: string,
  own: readonly string[],
  chains: ReadonlyMap<string, SavedChain>,
  names: ChainNames,
): Removal {
  const isOurs = (chain: string): boolean =>
    own.includes(chain) || (table === "nat" && isServiceChain(chain, names)) || chain === trialChain;
  const ours = new Set([...chains.keys()].filter(isOurs));
  const kept: string[] = [];
  // A chain that somebody's own chain jumps to cannot be deleted; and then those that it jumps to cannot either.
  const users = [...chains].filter(([chain, { policy }]) => policy === undefined && !ours.has(chain));
  for (const [user, { rules }] of users)
    for (const target of rules.flatMap((rule) => ruleTarget(rule) ?? []))
      if (ours.delete(target)) {
        kept.push(`${table} ${target} (used by ${user})`);
        users.push([target, chains.get(target) ?? { policy: undefined, rules: [] }]);
      }
  const jumps = [...chains]
    .filter(([, { policy }]) => policy !== undefined)
    .flatMap(([chain, { rules }]) =>
      rules.filter((rule) => ours.has(ruleTarget(rule) ?? "")).map((rule) => `-D ${chain} ${rule}`),
    );
  const sorted = [...ours].sort();
  const lines = [
    `*${table}`,
    ...sorted.map((chain) => `:${chain} - [0:0]`),
    ...jumps,
    ...sorted.map((chain) => `-X ${chain}`),
    "COMMIT",
  ];
  return { lines: sorted.length === 0 ? [] : lines, chains: sorted.length, jumps: jumps.length, kept };
}

/**
 * Deletes the tables of kube-proxy's nftables mode, whose rules the kernel would obey beside ours, as kube-proxy does
 * when it starts in iptables mode. Returns what was deleted.
 */
export async function removeNftTables(
  exec: Exec,
  families: readonly Family[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const listed = await execOk(exec, "nft", ["list", "tables"], { signal }).catch((error: unknown) => {
    // Without the program there never was such a table.
    if (error instanceof ProgramMissingError) return "";
    throw error;
  });
  const wanted = families.map((family) => `table ${family === "IPv4" ? "ip" : "ip6"} kube-proxy`);
  const found = wanted.filter((table) => listed.split("\n").includes(table));
  if (found.length > 0) await applyNft(exec, found.map((table) => `delete ${table}\n`).join(""), { signal });
  return found;
}
