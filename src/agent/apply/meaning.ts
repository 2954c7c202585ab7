import { parseRule, type Rule, type RuleOption } from "../../kernel/index.ts";

/**
 * Whether two chains, in canonical rules, do the same to every packet. Rules for different destinations may stand in
 * any order (kube-proxy writes its dispatch chains in that of a Go map), and a comment may be missing on one side
 * (kube-proxy leaves most out above 1,000 endpoints); all else counts.
 */
export function sameMeaning(found: readonly string[], wanted: readonly string[]): boolean {
  if (found.length !== wanted.length) return false;
  if (found.every((rule, i) => sameRule(rule, wanted[i] ?? ""))) return true;
  const [a, b] = [found, wanted].map(sorted);
  return a !== undefined && b !== undefined && a.every((rule, i) => sameRule(rule, b[i] ?? ""));
}

function sameRule(a: string, b: string): boolean {
  if (a === b) return true;
  const [plainA, plainB] = [withoutComment(a), withoutComment(b)];
  return plainA === plainB && (plainA === a || plainB === b);
}

/** The first comment match of a canonical rule is one: texts that look like one stand in quotes behind it. */
function withoutComment(rule: string): string {
  return rule.replace(/(^| )-m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+)/, "").trimStart();
}

/** Rules between two that may meet any packet, by destination; those of one destination in the order they had. */
function sorted(rules: readonly string[]): string[] {
  const placed = rules.map((rule) => ({ rule, place: destination(parseRule(rule)) }));
  const result: string[] = [];
  let run: { rule: string; port: string; address: string | undefined }[] = [];
  const flush = (): void => {
    // Where a rule of a port takes every address, that port's order counts.
    const open = new Set(run.filter(({ address }) => address === undefined).map(({ port }) => port));
    const key = (one: (typeof run)[number]): string => (open.has(one.port) ? one.port : `${one.port} ${one.address}`);
    const keyed = run.map((one) => ({ rule: one.rule, key: key(one) }));
    result.push(...keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ rule }) => rule));
    run = [];
  };
  for (const { rule, place } of placed) {
    if (place === undefined) {
      flush();
      result.push(rule);
    } else run.push({ rule, ...place });
  }
  flush();
  return result;
}

/** The one port, and if there is just one the one address, that a rule is for; undefined when it may meet others. */
function destination({ options, matches }: Rule): { port: string; address: string | undefined } | undefined {
  const protocol = single(options, "-p");
  const port = single(matches.find(({ name }) => name === protocol)?.options ?? [], "--dport");
  if (protocol === undefined || port === undefined || !/^\d+$/.test(port)) return undefined;
  const address = single(options, "-d");
  return {
    port: `${protocol} ${port}`,
    address: address !== undefined && /^[^:]+\/32$|:.*\/128$/.test(address) ? address : undefined,
  };
}

function single(options: readonly RuleOption[], name: string): string | undefined {
  const [option, ...others] = options.filter((one) => one.name === name);
  return option === undefined || others.length > 0 || option.negated ? undefined : option.values[0];
}
