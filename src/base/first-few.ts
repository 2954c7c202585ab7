export interface FewOptions {
  /** How many are named; 3 by default. */
  readonly most?: number;
  /** `, ` by default. */
  readonly separator?: string;
}

/** The first of them, and how many more there are: `a, b, c and 2 more`. For messages about many of a kind. */
export function firstFew(all: readonly string[], { most = 3, separator = ", " }: FewOptions = {}): string {
  const more = all.length > most ? ` and ${all.length - most} more` : "";
  return `${all.slice(0, most).join(separator)}${more}`;
}
