import { readFile, writeFile } from "node:fs/promises";
import { parse, stringify } from "yaml";

/** What a server answered to a script, in the order of the steps: a file for people to read and tests to compare. */
export class Transcript<Entry extends object> {
  readonly #path: URL;
  /** Fields with these values are left out of the file. */
  readonly #usual: Partial<Entry>;

  constructor(path: URL, usual: Partial<Entry>) {
    this.#path = path;
    this.#usual = usual;
  }

  async read(): Promise<Entry[]> {
    const entries: Entry[] = parse(await readFile(this.#path, "utf8"));
    return entries.map((entry) => ({ ...this.#usual, ...entry }));
  }

  async write(entries: readonly Entry[]): Promise<void> {
    const usual = new Map<string, unknown>(Object.entries(this.#usual));
    const brief = entries.map((entry) =>
      Object.fromEntries(
        Object.entries(entry).filter(([name, value]) => !usual.has(name) || usual.get(name) !== value),
      ),
    );
    await writeFile(this.#path, stringify(brief, { lineWidth: 0, aliasDuplicateObjects: false }));
  }
}
