import type { Tree, Verdict } from "./tree.ts";

/** Of one parent and kind beyond these are counted, not drawn: a cluster may have thousands of nodes. */
const maxAlike = 20;

/** Readable without colour, and all of one width. */
const marks: Readonly<Record<Verdict, string>> = { yes: "yes", no: "NO ", unknown: "?  " };

/** A tree for people: a mark, the part, why not, and what is known of it. */
export function formatTree(tree: Tree): string {
  return `${[headOf(tree), ...branches(tree, "")].join("\n")}\n`;
}

function branches({ children }: Tree, indent: string): string[] {
  const drawn = [...Map.groupBy(children, ({ what }) => what).values()].flatMap(shorten);
  return drawn.flatMap((child, i) => {
    const isLast = i === drawn.length - 1;
    const [corner, below] = isLast ? ["└─ ", "   "] : ["├─ ", "│  "];
    if (typeof child === "string") return [`     ${indent}${corner}${child}`];
    return [headOf(child, `${indent}${corner}`), ...branches(child, `${indent}${below}`)];
  });
}

/** What does not serve is shown first where not all can be. */
function shorten(alike: readonly Tree[]): (Tree | string)[] {
  if (alike.length <= maxAlike) return [...alike];
  const sorted = alike.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  const left = sorted.slice(maxAlike);
  const counts = order.map((verdict) => [verdict, left.filter((one) => one.verdict === verdict).length] as const);
  const text = counts.filter(([, count]) => count > 0).map(([verdict, count]) => `${count} ${verdict}`);
  return [
    ...sorted.slice(0, maxAlike),
    `and ${left.length} more of ${alike[0]?.what ?? ""} (${text.join(", ")}); -o json has all`,
  ];
}

const order: readonly Verdict[] = ["no", "unknown", "yes"];

function headOf({ what, name, verdict, why, facts }: Tree, indent = ""): string {
  const known = Object.entries(facts).map(([key, value]) => `${key} ${value}`);
  const title = name === "" ? what : `${what} ${name}`;
  const line = `${marks[verdict]}  ${indent}${title}${why === undefined ? "" : `: ${why}`}${known.length === 0 ? "" : `  [${known.join("; ")}]`}`;
  // What others wrote must not draw lines of its own.
  return line.replace(/[\r\n]+/g, " ");
}
