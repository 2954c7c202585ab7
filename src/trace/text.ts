import type { PassedRule } from "./flight.ts";
import type { Outcome, Trace } from "./trace.ts";

/** Ways beyond these are counted, not drawn: a Service may have thousands of endpoints, and the result names them all. */
const maxWays = 8;

/** A trace for people: the rules passed, as a tree that branches where chance decides, and what comes of it. */
export function formatTrace({ outcomes, endpoints, skipped }: Trace): string {
  const drawn = outcomes.slice(0, maxWays);
  const left = outcomes.length - drawn.length;
  return [
    ...drawWays(drawn, 0, ""),
    ...(left > 0 ? [`and ${left} more ways of the same kind`] : []),
    "",
    ...resultLines(outcomes, endpoints),
    ...skippedLines(skipped),
    "",
  ].join("\n");
}

/** What the ways have in common from their `from`-th rule on, then each branch by itself, indented. */
function drawWays(ways: readonly Outcome[], from: number, indent: string): string[] {
  const at = from + sharedRules(ways, from);
  const lines = (ways[0]?.rules ?? []).slice(from, at).map((rule) => indent + ruleText(rule));
  const [only, ...others] = ways;
  if (only !== undefined && others.length === 0) return [...lines, `${indent}=> ${endText(only)}`];
  const branches = [...Map.groupBy(ways, ({ rules }) => rules[at]).values()];
  for (const [i, branch] of branches.entries()) {
    const [head = "", ...rest] = drawWays(branch, at, "");
    const last = i === branches.length - 1;
    lines.push(`${indent}${last ? "└" : "├"}─ ${percent(shareOf(branch))}  ${head}`);
    lines.push(...rest.map((line) => `${indent}${last ? " " : "│"}            ${line}`));
  }
  return lines;
}

function sharedRules(ways: readonly Outcome[], from: number): number {
  const [first, ...others] = ways.map(({ rules }) => rules.slice(from));
  const end = first?.findIndex((rule, i) => others.some((rules) => rules[i] !== rule)) ?? 0;
  return end === -1 ? (first?.length ?? 0) : end;
}

function shareOf(ways: readonly Outcome[]): number {
  return ways.reduce((sum, { share }) => sum + share, 0);
}

/** Eight characters wide. */
function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`.padStart(8);
}

function ruleText({ table, chain, number, text }: PassedRule): string {
  return `${table} ${chain} ${number}: ${text}`;
}

function endText(outcome: Outcome): string {
  const { verdict, translated, destination, masquerade, source, policyOf } = outcome;
  if (verdict !== "ACCEPT") return `${verdict}${policyOf === undefined ? "" : ` by the policy of ${policyOf}`}`;
  return `${translated ? "" : "ACCEPT, to "}${destination}, ${sourceText(masquerade, source)}`;
}

function sourceText(masquerade: boolean, source?: string): string {
  if (!masquerade) return "source kept";
  return source === undefined ? "masqueraded" : `source ${source}`;
}

function resultLines(outcomes: readonly Outcome[], endpoints: Trace["endpoints"]): string[] {
  const others = Map.groupBy(
    outcomes.filter(({ verdict, translated }) => verdict !== "ACCEPT" || !translated),
    endText,
  );
  return [
    "result:",
    ...endpoints.map(
      ({ endpoint, share, masquerade }) => `  ${percent(share)}  ${endpoint}, ${sourceText(masquerade)}`,
    ),
    ...[...others].map(([text, ways]) => `  ${percent(shareOf(ways))}  ${text}${decision(ways)}`),
  ];
}

function decision([first]: readonly Outcome[]): string {
  return first?.decidedBy === undefined ? "" : ` by ${ruleText(first.decidedBy)}`;
}

function skippedLines(skipped: readonly PassedRule[]): string[] {
  return skipped.length === 0
    ? []
    : ["", "taken as not matching, because nobody can tell:", ...skipped.map((rule) => `  ${ruleText(rule)}`)];
}
