import { canonicalFamily, formatCidr, parseCidr, parseIp } from "../net/index.ts";

export interface RuleOption {
  /** With its dashes: `-d`, `--dport`. */
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** A match (`-m`) or a target (`-j`, `-g`) with the options that belong to it. */
export interface RuleExtension {
  readonly name: string;
  readonly options: readonly RuleOption[];
}

/** One rule as iptables understands it; everything behind `-A CHAIN`. */
export interface Rule {
  /** `-s -d -i -o -p`, in the order written. */
  readonly options: readonly RuleOption[];
  /** In the order in which the kernel evaluates them. */
  readonly matches: readonly RuleExtension[];
  readonly target: RuleExtension | undefined;
  readonly goto: boolean;
}

const basicOptions: ReadonlySet<string> = new Set(["-s", "-d", "-i", "-o", "-p"]);

interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

/**
 * Splits a rule into words; a word in double quotes may hold blanks and backslash escapes. By hand, as at a start there
 * may be hundreds of thousands of rules to compare.
 */
function words(text: string): Word[] {
  const list: Word[] = [];
  let at = 0;
  while (at < text.length) {
    if (isBlank(text, at)) {
      at += 1;
      continue;
    }
    const closing = text[at] === '"' ? closingQuote(text, at + 1) : -1;
    if (closing >= 0) {
      const inside = text.slice(at + 1, closing);
      list.push({ text: inside.includes("\\") ? inside.replace(/\\(.)/g, "$1") : inside, quoted: true });
      at = closing + 1;
    } else {
      let end = at + 1;
      while (end < text.length && !isBlank(text, end)) end += 1;
      list.push({ text: text.slice(at, end), quoted: false });
      at = end;
    }
  }
  return list;
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 32 || ((code < 32 || code > 127) && /\s/.test(text[at] ?? ""));
}

/** Where the quoted word that begins at `from` ends; -1 when it does not. */
function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return at;
    if (text[at] === "\\") at += 1;
  }
  return -1;
}

/** The rule as the arguments of a program. */
export function ruleArguments(rule: string): string[] {
  return words(rule).map(({ text }) => text);
}

/** Reads a rule in the order in which anybody may have written it. */
export function parseRule(text: string): Rule {
  const options: RuleOption[] = [];
  const matches: { name: string; options: RuleOption[] }[] = [];
  let target: { name: string; options: RuleOption[] } | undefined;
  let goto = false;
  let open = options;
  let negated = false;
  let values: string[] = [];
  const list = words(text);
  for (let i = 0; i < list.length; i++) {
    const { text: word, quoted } = list[i] ?? { text: "", quoted: false };
    if (quoted || !(word.startsWith("-") || word === "!")) {
      values.push(word);
    } else if (word === "!") {
      negated = true;
    } else if (word === "-m") {
      const match = { name: list[++i]?.text ?? "", options: [] };
      matches.push(match);
      open = match.options;
    } else if (word === "-j" || word === "-g") {
      target = { name: list[++i]?.text ?? "", options: [] };
      open = target.options;
      goto = word === "-g";
    } else {
      values = [];
      (basicOptions.has(word) ? options : open).push({ name: word, negated, values });
      negated = false;
    }
  }
  return { options, matches, target, goto };
}

/** The target or the chain that a rule hands packets to; what its comment says of one does not count. */
export function ruleTarget(rule: string): string | undefined {
  return parseRule(rule).target?.name;
}

/**
 * One form for a rule as we write it and as `iptables-save` shows it. The tool hoists addresses and protocol,
 * adds prefix lengths and defaults, rewrites marks, rounds probabilities to 31 bits and changes quotes; the order
 * of matches is kept, because it is the order in which the kernel evaluates them.
 */
export function canonicalRule(text: string): string {
  const rule = parseRule(text);
  const parts = formatOptions("", rule.options);
  for (const match of rule.matches) parts.push(`-m ${match.name}`, ...formatOptions(match.name, match.options));
  if (rule.target !== undefined)
    parts.push(
      `${rule.goto ? "-g" : "-j"} ${rule.target.name}`,
      ...formatOptions(rule.target.name, rule.target.options),
    );
  return parts.join(" ");
}

function formatOptions(extension: string, options: readonly RuleOption[]): string[] {
  const parts: string[] = [];
  for (const option of options) {
    const plain = normalise(extension, option);
    if (plain === undefined) continue;
    let part = option.negated ? `! ${plain.name}` : plain.name;
    for (const value of plain.values) part += ` ${quote(value)}`;
    parts.push(part);
  }
  return parts.length > 1 ? parts.sort() : parts;
}

function quote(word: string): string {
  return /^[^\s"\\!-][^\s"\\]*$/.test(word) ? word : JSON.stringify(word);
}

interface PlainOption {
  readonly name: string;
  readonly values: readonly string[];
}

/** Options that have several spellings. */
const spellings: ReadonlySet<string> = new Set(
  "-s -d --probability --ctstate --mark --rsource --mask --reject-with --set-mark --set-xmark --or-mark --xor-mark --and-mark".split(
    " ",
  ),
);

/** The option with one spelling; undefined when it only says what holds anyway. */
function normalise(extension: string, option: RuleOption): PlainOption | undefined {
  const { name, negated, values } = option;
  if (!spellings.has(name)) return option;
  const [value = ""] = values;
  switch (`${extension} ${name}`.trimStart()) {
    case "-s":
    case "-d": {
      const prefix = prefixOf(value);
      return prefix.endsWith("/0") && !negated ? undefined : { name, values: [prefix] };
    }
    case "statistic --probability":
      return { name, values: [`${Math.round(Number(value) * 2 ** 31)}`] };
    case "conntrack --ctstate":
      return { name, values: [value.split(",").sort().join(",")] };
    case "mark --mark":
      return { name, values: [markOf(value).join("/")] };
    case "recent --rsource":
      return undefined;
    case "recent --mask":
      return value === "255.255.255.255" || /^ffff(:ffff){7}$/.test(value) ? undefined : { name, values };
    case "REJECT --reject-with":
      return /^icmp6?-port-unreachable$/.test(value) ? undefined : { name, values };
    case "MARK --set-mark":
    case "MARK --set-xmark":
    case "MARK --or-mark":
    case "MARK --xor-mark":
    case "MARK --and-mark":
      return { name: "--set-xmark", values: [xmark(name, value)] };
    default:
      return { name, values };
  }
}

function prefixOf(text: string): string {
  // Nearly all are single addresses, as we write them or as the tool does.
  const address = text.endsWith("/32") ? text.slice(0, -3) : text;
  if (canonicalFamily(address) === "IPv4") return `${address}/32`;
  const cidr = parseCidr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  return cidr === undefined || (parseIp(text) === undefined && !text.includes("/")) ? text : formatCidr(cidr);
}

function markOf(text: string): [value: string, mask: string] {
  const [value = "", mask = "0xffffffff"] = text.split("/");
  return [hex(Number(value)), hex(Number(mask))];
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

function xmark(name: string, text: string): string {
  const { value, mask } = markChange(name, text);
  return `${hex(value)}/${hex(mask)}`;
}

/** What an option of target MARK or CONNMARK does: `mark = (mark & ~mask) ^ value`, in 32 bits without sign. */
export function markChange(name: string, text: string): { readonly value: number; readonly mask: number } {
  const [value = 0, mask = 0xffffffff] = text.split("/").map(Number);
  switch (name) {
    case "--or-mark":
      return { value, mask: value };
    case "--xor-mark":
      return { value, mask: 0 };
    case "--and-mark":
      return { value: 0, mask: ~value >>> 0 };
    case "--set-mark":
      return { value, mask: (value | mask) >>> 0 };
    default:
      return { value, mask };
  }
}
