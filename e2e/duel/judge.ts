// Who held the Lease when, and whether anybody changed something without it: told from what a witness saw, all by one
// monotonic clock in ms.

/** Something happened, as somebody knows who looks only now and then: not before `from`, and not after `to`. */
export interface Moment {
  readonly from: number;
  readonly to: number;
}

/** `holder` is one life of one process: a restart makes another. */
export type Happening =
  /** The server said yes to a write by which the holder took or renewed the Lease. */
  | {
      readonly kind: "claimed";
      readonly holder: string;
      readonly sent: Moment;
      readonly answered: Moment;
      readonly durationMs: number;
    }
  /** The server said yes to a write by which the holder gave the Lease back. */
  | { readonly kind: "released"; readonly holder: string; readonly sent: Moment }
  /** A request or a program that changes something was begun. */
  | { readonly kind: "changed"; readonly holder: string; readonly at: Moment; readonly what: string };

type Claim = Extract<Happening, { kind: "claimed" }>;

/** A time for which the Lease was one holder's. */
interface Term {
  readonly holder: string;
  readonly taken: Moment;
  /** In it, the Lease ends. */
  end: Moment;
}

/**
 * Says what was wrong, if anything. Only what is wrong wherever in its moment everything lies is reported, so that a
 * witness that was late accuses nobody.
 */
export function judge(history: readonly Happening[]): readonly string[] {
  const terms = termsOf(history);
  return [...doubles(terms), ...strays(history, terms)];
}

function termsOf(history: readonly Happening[]): readonly Term[] {
  const terms: Term[] = [];
  const claims = history.filter((one) => one.kind === "claimed").toSorted((a, b) => a.answered.to - b.answered.to);
  for (const claim of claims) {
    const last = terms.findLast(({ holder }) => holder === claim.holder);
    const end = endOf(claim);
    if (last === undefined || last.end.to < claim.answered.from)
      terms.push({ holder: claim.holder, taken: claim.answered, end });
    // An older request may have been answered later.
    else last.end = { from: Math.max(last.end.from, end.from), to: Math.max(last.end.to, end.to) };
  }
  for (const release of history) {
    if (release.kind !== "released") continue;
    const { holder, sent } = release;
    const last = terms.findLast((term) => term.holder === holder && term.taken.from <= sent.to);
    if (last !== undefined) last.end = { from: Math.min(last.end.from, sent.from), to: Math.min(last.end.to, sent.to) };
  }
  return terms;
}

/** A holder may count from when it sent its request, and no later. */
function endOf({ sent, durationMs }: Claim): Moment {
  return { from: sent.from + durationMs, to: sent.to + durationMs };
}

/** The Lease was taken while it was somebody else's. */
function doubles(terms: readonly Term[]): readonly string[] {
  return terms.flatMap(({ holder, taken }) =>
    terms
      .filter((other) => other.holder !== holder && other.taken.to < taken.from && taken.to < other.end.from)
      .map((other) => `${holder} took the Lease ${gap(taken.to, other.end.from)} before that of ${other.holder} ended`),
  );
}

/** Something was changed by somebody who did not hold the Lease then. */
function strays(history: readonly Happening[], terms: readonly Term[]): readonly string[] {
  const found: string[] = [];
  for (const happening of history) {
    if (happening.kind !== "changed") continue;
    const { holder, at, what } = happening;
    const own = terms.filter((term) => term.holder === holder && term.taken.from <= at.to);
    const last = own.at(-1);
    if (last === undefined) found.push(`${holder} without any Lease so far: ${what}`);
    else if (own.every(({ end }) => end.to < at.from))
      found.push(`${holder} ${gap(last.end.to, at.from)} after its Lease had ended: ${what}`);
  }
  return found;
}

function gap(from: number, to: number): string {
  return `${(to - from).toFixed(0)} ms`;
}
