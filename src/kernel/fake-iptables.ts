import { type Family, formatCidr, parseCidr } from "../net/index.ts";
import { type Exec, type ExecResult, type Input, inputText, ProgramMissingError } from "./exec.ts";
import { canonicalRule, parseRule, type RuleOption } from "./iptables-rule.ts";

const builtInChains: Readonly<Record<string, readonly string[]>> = {
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
};
const verdicts: ReadonlySet<string> = new Set(["ACCEPT", "DROP", "RETURN", "REJECT", "MARK", "MASQUERADE", "DNAT"]);

type Chains = Map<string, string[]>;

/** A restore that ends before its work is done. */
export interface Fault {
  /** How many tables are committed before it ends. */
  readonly commits: number;
  /** How it ends; an Error is what `Exec` rejects with. */
  readonly end: ExecResult | Error;
}

/**
 * `iptables-save` and `iptables-restore` without a kernel, for tests: applies restore input table by table, refuses
 * what the real tools refuse (unknown chains and targets, chains still in use) and saves in the kernel's wording.
 */
export class FakeIptables implements Exec {
  /** Input of each restore, refused ones included. */
  readonly restores: string[] = [];
  saves = 0;
  /** The next restores end with this result instead of being applied, or before all is applied. */
  readonly failures: (ExecResult | Fault)[] = [];
  /** Rules that the kernel refuses at commit; nf_tables names each of their lines, legacy only the COMMIT. */
  kernelRefuses: (rule: string, table: string) => boolean = () => false;
  namesRefusedLines = true;
  /** Tables with rules that it cannot show, and so shows nothing of. */
  readonly hidden: Set<string> = new Set();
  /** Lines that the tool itself does not take. */
  unreadable: (line: string) => boolean = () => false;
  readonly #family: Family;
  readonly #tables = new Map<string, Chains>(
    Object.entries(builtInChains).map(([table, chains]) => [table, new Map(chains.map((chain) => [chain, []]))]),
  );

  constructor(family: Family) {
    this.#family = family;
  }

  async run(program: string, args: readonly string[], options: { readonly stdin?: Input }): Promise<ExecResult> {
    if (!/^ip6?tables/.test(program)) throw new ProgramMissingError(program, undefined);
    if (args.includes("--version")) {
      const stdout = `${program} v1.8.9 (${this.namesRefusedLines ? "nf_tables" : "legacy"})\n`;
      return { code: 0, stdout, stderr: "" };
    }
    if (program.endsWith("-save")) {
      this.saves += 1;
      const at = args.indexOf("-t");
      const hidden = [...this.hidden].map((table) => `# Table \`${table}' is incompatible, use 'nft' tool.\n`);
      const shown = this.save(at < 0 ? undefined : args[at + 1], this.hidden);
      return { code: 0, stdout: hidden.join("") + shown, stderr: "" };
    }
    const check = args.indexOf("-C");
    if (check >= 0) return this.#check(args[args.indexOf("-t") + 1], args[check + 1], args.slice(check + 2));
    if (args.includes("-S")) {
      const chain = args.at(-1) ?? "";
      const rules = this.chain(args[args.indexOf("-t") + 1] ?? "", chain);
      const lines = rules?.map((rule) => `-A ${chain} ${savedRule(rule, this.#family)}\n`);
      return { code: lines === undefined ? 1 : 0, stdout: lines?.join("") ?? "", stderr: "" };
    }
    const text = inputText(options.stdin);
    this.restores.push(text);
    const failure = this.failures.shift();
    if (failure !== undefined) {
      const { commits, end } = "end" in failure ? failure : { commits: 0, end: failure };
      this.restore(
        text
          .split("COMMIT\n")
          .filter((table) => table.includes("*"))
          .slice(0, commits)
          .map((table) => `${table}COMMIT\n`)
          .join(""),
      );
      if (end instanceof Error) throw end;
      return end;
    }
    try {
      this.restore(text);
      return { code: 0, stdout: "", stderr: "" };
    } catch (error) {
      return { code: 2, stdout: "", stderr: `${program}: ${error instanceof Error ? error.message : String(error)}\n` };
    }
  }

  /** Rules of a chain, as written; undefined when there is no such chain. */
  chain(table: string, chain: string): string[] | undefined {
    return this.#tables.get(table)?.get(chain);
  }

  restore(text: string): void {
    let name = "";
    let chains: Chains | undefined;
    let refused: string[] = [];
    for (const [index, line] of text.split("\n").entries()) {
      const fail = (why: string): never => {
        throw new Error(`${why}\nError occurred at line: ${index + 1}`);
      };
      if (line === "" || line.startsWith("#")) continue;
      if (this.unreadable(line)) fail("Bad argument");
      if (line.startsWith("*")) {
        name = line.slice(1);
        chains = new Map(
          [...(this.#tables.get(name) ?? fail(`no table ${name}`))].map(([c, rules]) => [c, [...rules]]),
        );
      } else if (chains === undefined) {
        fail("rule outside of a table");
      } else if (line === "COMMIT") {
        if (refused.length > 0)
          throw new Error(this.namesRefusedLines ? refused.join("\n") : `line ${index + 1} failed`);
        this.#tables.set(name, chains);
        chains = undefined;
      } else {
        applyLine(chains, line, fail);
        if (/^-[AI] /.test(line) && this.kernelRefuses(line, name))
          refused = [...refused, `line ${index + 1}: RULE_APPEND failed (Invalid argument)`];
      }
    }
    if (chains !== undefined) throw new Error("COMMIT expected");
  }

  #check(table = "", chain = "", rule: readonly string[] = []): ExecResult {
    const wanted = rule.map((word) => (/\s/.test(word) ? JSON.stringify(word) : word)).join(" ");
    const found = this.chain(table, chain)?.some((one) => canonicalRule(one) === canonicalRule(wanted));
    return { code: found === true ? 0 : 1, stdout: "", stderr: "" };
  }

  save(only?: string, hidden: ReadonlySet<string> = new Set()): string {
    return [...this.#tables]
      .filter(([table]) => (only === undefined || table === only) && !hidden.has(table))
      .flatMap(([table, chains]) => [
        `# Generated by iptables-save`,
        `*${table}`,
        ...[...chains.keys()].map(
          (chain) => `:${chain} ${builtInChains[table]?.includes(chain) ? "ACCEPT" : "-"} [0:0]`,
        ),
        ...[...chains].flatMap(([chain, rules]) =>
          rules.map((rule) => `-A ${chain} ${savedRule(rule, this.#family)}`.trimEnd()),
        ),
        "COMMIT",
        "",
      ])
      .join("\n");
  }
}

function applyLine(chains: Chains, line: string, fail: (why: string) => never): void {
  const [verb = "", chain = "", ...rest] = line.split(" ");
  if (verb.startsWith(":")) {
    chains.set(verb.slice(1), []);
    return;
  }
  if (verb === "-N") {
    if (chains.has(chain)) fail("Chain already exists.");
    chains.set(chain, []);
    return;
  }
  const rules = chains.get(chain) ?? fail(`No chain/target/match by that name.`);
  switch (verb) {
    case "-A":
      rules.push(checked(chains, rest.join(" "), fail));
      return;
    case "-I": {
      const position = Number(rest[0]);
      if (!(position >= 1 && position <= rules.length + 1)) fail("Index of insertion too big.");
      rules.splice(position - 1, 0, checked(chains, rest.slice(1).join(" "), fail));
      return;
    }
    case "-D": {
      const index = rules.findIndex((rule) => canonicalRule(rule) === canonicalRule(rest.join(" ")));
      if (index < 0) fail("Bad rule (does a matching rule exist in that chain?).");
      rules.splice(index, 1);
      return;
    }
    case "-X":
      if (rules.length > 0) fail(`CHAIN_DEL failed (Device or resource busy): chain ${chain}`);
      for (const [owner, list] of chains)
        if (list.some((rule) => parseRule(rule).target?.name === chain)) fail(`chain ${chain} is used by ${owner}`);
      chains.delete(chain);
      return;
    default:
      fail(`unknown option ${verb}`);
  }
}

function checked(chains: Chains, rule: string, fail: (why: string) => never): string {
  const { target } = parseRule(rule);
  if (target !== undefined && !verdicts.has(target.name) && !chains.has(target.name))
    fail(`Chain '${target.name}' does not exist`);
  return rule;
}

/** What the tools make of a rule: `iptables.kernel.test.ts` holds this to the real ones. */
export function savedRule(text: string, family: Family): string {
  const rule = parseRule(text);
  const v6 = family === "IPv6";
  const basics = ["-s", "-d", "-i", "-o", "-p"].flatMap((name) =>
    rule.options.filter((option) => option.name === name).map(savedOption),
  );
  const matches = rule.matches.map(({ name, options }) => {
    const saved = options
      .toSorted((a, b) => recentOrder.indexOf(a.name) - recentOrder.indexOf(b.name))
      .map(savedOption);
    if (name === "recent") saved.push(`--mask ${v6 ? Array(8).fill("ffff").join(":") : "255.255.255.255"} --rsource`);
    return [`-m ${name}`, ...saved].join(" ");
  });
  const target = rule.target === undefined ? [] : [`-j ${rule.target.name}`, ...rule.target.options.map(savedOption)];
  if (rule.target?.name === "REJECT") target.push(`--reject-with ${v6 ? "icmp6" : "icmp"}-port-unreachable`);
  return [...basics, ...matches, ...target].join(" ");
}

const recentOrder = ["--set", "--rcheck", "--seconds", "--reap", "--name"];

function savedOption({ name, negated, values }: RuleOption): string {
  const [value = ""] = values;
  return `${negated ? "! " : ""}${savedText(name, value)}`.trimEnd();
}

function savedText(name: string, value: string): string {
  switch (name) {
    case "-s":
    case "-d": {
      const cidr = parseCidr(value.includes("/") ? value : `${value}/${value.includes(":") ? 128 : 32}`);
      return `${name} ${cidr === undefined ? value : formatCidr(cidr)}`;
    }
    case "--comment":
      return `--comment ${/^[\w-]+$/.test(value) ? value : JSON.stringify(value)}`;
    case "--probability":
      return `--probability ${(Math.round(Number(value) * 2 ** 31) / 2 ** 31).toFixed(11)}`;
    case "--or-mark":
      return `--set-xmark ${value}/${value}`;
    case "--xor-mark":
      return `--set-xmark ${value}/0x0`;
    default:
      return `${name} ${value}`;
  }
}
