import { type Exec, type ExecResult, execOk, ProgramMissingError } from "./exec.ts";
import { type Flavour, type IptablesVersion, isAtLeast, parseIptablesVersion } from "./iptables-version.ts";

/** What one implementation of the tools shows of both address families together. */
export interface FlavourEvidence {
  readonly flavour: Flavour;
  /** Whether kubelet has left a chain that says: this is what the node uses (KEP-3178). */
  readonly hint: boolean;
  readonly rules: number;
  /** Chains of a service proxy: with rules in both implementations the kernel obeys both (kubernetes/kubernetes#71305). */
  readonly proxyChains: number;
}

export interface FlavourChoice {
  /** Undefined: the tools under their plain names, whatever they are. */
  readonly flavour: Flavour | undefined;
  readonly why: string;
}

/** Chooses as the official images' iptables-wrappers do, and with nothing to go by what the host calls `iptables`. */
export function chooseFlavour(found: readonly FlavourEvidence[]): FlavourChoice {
  const [nft, legacy] = (["nft", "legacy"] as const).map((flavour) => found.find((one) => one.flavour === flavour));
  if (nft === undefined && legacy === undefined) return { flavour: undefined, why: "only iptables itself is there" };
  for (const one of [nft, legacy]) if (one?.hint) return { flavour: one.flavour, why: "kubelet's chains are there" };
  if (nft === undefined) return { flavour: "legacy", why: "the kernel or the tools have no nf_tables" };
  const [nftRules, legacyRules] = [nft?.rules ?? 0, legacy?.rules ?? 0];
  if (nftRules !== legacyRules)
    return { flavour: nftRules > legacyRules ? "nft" : "legacy", why: "most rules of this node are there" };
  return { flavour: undefined, why: "no other rules are there; the host's default" };
}

/** Reads what `iptables-save` printed, for both families one after the other. `prefix`: of the proxy's chains. */
export function flavourEvidence(flavour: Flavour, saved: string, prefix = "KUBE"): FlavourEvidence {
  return {
    flavour,
    hint: /^:(KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY) /m.test(saved),
    rules: [...saved.matchAll(/^-A /gm)].length,
    proxyChains: [...saved.matchAll(/^:([A-Z]+)-(SERVICES|SVC-\S+) /gm)].filter((match) => match[1] === prefix).length,
  };
}

/** The tools that this node uses. */
export interface IptablesTools extends FlavourChoice {
  readonly version: IptablesVersion;
  /** Runs them under their plain names: `iptables-save`, `ip6tables-restore`. All other programs as before. */
  readonly exec: Exec;
  /** The other implementation, if it holds a service proxy's chains. */
  readonly conflicting: FlavourEvidence | undefined;
}

const saveTimeoutMs = 300_000;

/**
 * Looks at both implementations, and for chains of the proxy whose names begin with `prefix`. Rejects with
 * ProgramMissingError when there are no tools at all.
 */
export async function findIptables(exec: Exec, signal: AbortSignal, prefix?: string): Promise<IptablesTools> {
  const found: FlavourEvidence[] = [];
  for (const flavour of ["nft", "legacy"] as const) {
    const evidence = await inspect(flavouredExec(exec, flavour), flavour, signal, prefix);
    if (evidence !== undefined) found.push(evidence);
  }
  const choice = chooseFlavour(found);
  const flavoured = flavouredExec(exec, choice.flavour);
  const text = await execOk(flavoured, "iptables", ["--version"], { signal });
  const version = parseIptablesVersion(text);
  if (version === undefined) throw new Error(`iptables --version: ${JSON.stringify(text)} names no version`);
  return {
    ...choice,
    version,
    // 1.6.2 was the first whose iptables-restore takes the lock at all.
    exec: isAtLeast(version, 1, 6, 2) ? flavoured : lockingExec(flavoured),
    conflicting: found.find(({ flavour, proxyChains }) => flavour !== version.flavour && proxyChains > 0),
  };
}

/** Undefined when this implementation cannot work; one that cannot read is taken for one without rules. */
async function inspect(
  exec: Exec,
  flavour: Flavour,
  signal: AbortSignal,
  prefix: string | undefined,
): Promise<FlavourEvidence | undefined> {
  // All of a large node's rules take seconds on nf_tables, and where kubelet is nobody asks how many they are. Legacy
  // would make the table that it is asked for.
  const hint = flavour === "nft" ? await saveBoth(exec, ["-t", "mangle"], signal) : "";
  if (hint === undefined) return undefined;
  const evidence = flavourEvidence(flavour, hint, prefix);
  if (evidence.hint) return evidence;
  const all = await saveBoth(exec, [], signal);
  return all === undefined ? undefined : flavourEvidence(flavour, all, prefix);
}

/** What they say where the kernel has no nf_tables, and where it has nothing at all of netfilter's netlink. */
const noNfTables = /Failed to initialize nft: |Could not fetch rule set generation id: Invalid argument/;

/** What both families' tools print; undefined when there are none, or the kernel has nothing for them. */
async function saveBoth(exec: Exec, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  let text = "";
  for (const program of ["iptables-save", "ip6tables-save"]) {
    const result = await exec
      .run(program, args, { signal, timeoutMs: saveTimeoutMs })
      .catch((error: unknown): ExecResult | undefined => {
        if (error instanceof ProgramMissingError) return undefined;
        throw error;
      });
    if (program === "iptables-save" && (result === undefined || noNfTables.test(result.stderr))) return undefined;
    text += result?.stdout ?? "";
  }
  return text;
}

const tool = /^(ip6?tables)(-save|-restore)?$/;

/** The same programs, but iptables in one of its implementations; undefined: as the host has it. */
export function flavouredExec(exec: Exec, flavour: Flavour | undefined): Exec {
  if (flavour === undefined) return exec;
  return {
    run: (program, args, options) => exec.run(program.replace(tool, `$1-${flavour}$2`), args, options),
  };
}

const lockConflict = 75;

/** Takes the lock for an iptables-restore before 1.6.2, which does not and knows no `-w`, as kube-proxy does. */
function lockingExec(exec: Exec): Exec {
  return {
    async run(program, args, options) {
      const wait = args.indexOf("-w");
      if (!program.endsWith("-restore") || wait < 0) return exec.run(program, args, options);
      const lock = ["-E", `${lockConflict}`, "-w", args[wait + 1] ?? "0", "/run/xtables.lock"];
      const result = await exec.run("flock", [...lock, program, ...args.toSpliced(wait, 2)], options);
      return result.code === lockConflict
        ? { ...result, stderr: "Another app is currently holding the xtables lock" }
        : result;
    },
  };
}
