import type { Issue } from "../../../src/provider/index.ts";
import type { Kind } from "./kinds.ts";

/** So much of a value is shown. */
const longest = 120;

/** Reads the annotations of one Service and gathers everything that is wrong with them. */
export class Reader {
  readonly annotations: Readonly<Record<string, string>>;
  readonly #issues: Issue[] = [];

  constructor(annotations: Readonly<Record<string, string>>) {
    this.annotations = annotations;
  }

  /** In the order in which they were found. */
  get issues(): readonly Issue[] {
    return this.#issues;
  }

  has(key: string): boolean {
    return this.annotations[key] !== undefined;
  }

  /** Undefined when there is none, or none that can be read. */
  read<T>(key: string, kind: Kind<T>): T | undefined {
    const text = this.annotations[key];
    if (text === undefined) return undefined;
    const value = kind.parse(text.trim());
    if (value === undefined) this.refuse(key, `give ${kind.allowed}`);
    return value;
  }

  /** The value of a key is wrong, alone or beside another. */
  refuse(key: string, remedy: string): void {
    this.#issues.push(this.#issue("refuse", "InvalidAnnotation", key, remedy));
  }

  /** It is not followed, and the rest is done. */
  degrade(key: string, remedy: string): void {
    this.#issues.push(this.#issue("degrade", "AnnotationNotFollowed", key, remedy));
  }

  /** Something other than an annotation. */
  add(issue: Issue): void {
    this.#issues.push(issue);
  }

  #issue(severity: Issue["severity"], reason: string, key: string, remedy: string): Issue {
    const text = this.annotations[key] ?? "";
    const shown = text.length > longest ? `${text.slice(0, longest)}...` : text;
    const message = `${JSON.stringify(shown)}: ${remedy}`;
    return { path: `metadata.annotations[${key}]`, severity, reason, message };
  }
}
