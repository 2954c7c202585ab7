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
import { isServiceChain } from "./plan/index.ts";

export interface CleanUp {
  /** What was taken away, for people: `IPv4 (nft): 12 chains and 9 jumps`. */
  readonly removed: readonly string[];
  /** Chains that stay because somebody else's rules use them. */
  readonly kept: readonly string[];
  readonly failed: readonly { readonly what: string; readonly error: unknown }[];
}

/** What `kube-proxy --cleanup` deletes beside the chains of Services. KUBE-FIREWALL and the like are kubelet's. */
const ownChains: ReadonlyMap<string, readonly string[]> = new Map([
  ["nat", ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ", "KUBE-PROXY-CANARY"]],
  [
    "filter",
    [
      "KUBE-SERVICES",
      "KUBE-EXTERNAL-SERVICES",
      "KUBE-FORWARD",
      "KUBE-NODEPORTS",
      "KUBE-PROXY-FIREWALL",
      "KUBE-PROXY-CANARY",
    ],
  ],
  ["mangle", ["KUBE-PROXY-CANARY"]],
]);

/**
 * Takes away every rule of a service proxy, ours or kube-proxy's, in both implementations of iptables, and the tables
 * of kube-proxy's nftables mode. Goes on after a failure. Leaves kubelet's chains, system settings and tracked
 * connections, as kube-proxy does.
 */
export async function cleanUp(
  exec: Exec,
  families: readonly Family[],
  signal: AbortSignal,
  flavours: readonly Flavour[] = ["nft", "legacy"],
): Promise<CleanUp> {
  const result = { removed: [] as string[], kept: [] as string[], failed: [] as { what: string; error: unknown }[] };
  let found = false;
  for (const flavour of flavours)
    for (const family of families) found = (await cleanUpFamily(exec, flavour, family, signal, result)) || found;
  // An image may have the tools under their plain names only.
  if (!found) for (const family of families) await cleanUpFamily(exec, undefined, family, signal, result);
  if (flavours.includes("nft"))
    try {
      result.removed.push(...(await removeNftTables(exec, families, signal)).map((table) => `nftables: ${table}`));
    } catch (error) {
      signal.throwIfAborted();
      result.failed.push({ what: "nftables: kube-proxy", error });
    }
  return result;
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
  signal: AbortSignal,
  result: Result,
): Promise<boolean> {
  const what = flavour === undefined ? family : `${family} (${flavour})`;
  const iptables = new Iptables(flavouredExec(exec, flavour), family);
  try {
    const removal = planRemoval(await iptables.save(signal, [...ownChains.keys()]));
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
export function planRemoval(saved: SavedTables): Removal {
  const plans = [...ownChains.keys()].map((table) => planTable(table, saved.get(table) ?? new Map()));
  return {
    lines: plans.flatMap(({ lines }) => lines),
    chains: plans.reduce((sum, { chains }) => sum + chains, 0),
    jumps: plans.reduce((sum, { jumps }) => sum + jumps, 0),
    kept: plans.flatMap(({ kept }) => kept),
  };
}

function planTable(table: string, chains: ReadonlyMap<string, SavedChain>): Removal {
  const own = ownChains.get(table) ?? [];
  const isOurs = (chain: string): boolean =>
    own.includes(chain) || (table === "nat" && isServiceChain(chain)) || chain === trialChain;
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
