/** A step of a script that may hold others, which run beside it. */
interface Nested<T> {
  readonly during?: readonly T[];
}

/** The steps in the order in which they end: those beside another before it. */
export function flatten<T extends Nested<T>>(steps: readonly T[]): T[] {
  return steps.flatMap((step) => [...flatten(step.during ?? []), step]);
}

/** What earlier steps captured, by name. */
export class Captured {
  readonly #values = new Map<string, string>();

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /** Replaces each `${name}`. */
  fill(text: string): string {
    return text.replace(/\$\{(\w+)\}/g, (_, name: string) => this.#values.get(name) ?? "");
  }
}
