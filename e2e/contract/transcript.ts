import { readFile, writeFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { parse, stringify } from "yaml";
import { newestVersion } from "./kube-version.ts";

/**
 * What a server answered to a script, in the order of the steps: files for people to read and tests to compare.
 * `transcript.yaml` is of the newest version; `<version>.yaml` holds the steps, by number from 1, where another differs.
 */
export class Transcript<Entry extends object> {
  readonly #folder: URL;
  /** Fields with these values are left out of the file. */
  readonly #usual: Partial<Entry>;

  constructor(folder: URL, usual: Partial<Entry>) {
    this.#folder = folder;
    this.#usual = usual;
  }

  async read(version: string = newestVersion): Promise<Entry[]> {
    const entries: Entry[] = parse(await readFile(this.#file(newestVersion), "utf8"));
    if (version !== newestVersion) {
      const others: Record<string, Entry> = parse(await readFile(this.#file(version), "utf8"));
      for (const [number, entry] of Object.entries(others)) entries[Number(number) - 1] = entry;
    }
    return entries.map((entry) => ({ ...this.#usual, ...entry }));
  }

  async write(entries: readonly Entry[], version: string): Promise<void> {
    if (version === newestVersion)
      return await this.#write(
        version,
        entries.map((entry) => this.#brief(entry)),
      );
    const newest = await this.read();
    const others = [...entries.entries()].filter(([index, entry]) => !isDeepStrictEqual(entry, newest[index]));
    await this.#write(version, Object.fromEntries(others.map(([index, entry]) => [index + 1, this.#brief(entry)])));
  }

  async #write(version: string, content: object): Promise<void> {
    await writeFile(this.#file(version), stringify(content, { lineWidth: 0 }));
  }

  #brief(entry: Entry): object {
    const usual = new Map<string, unknown>(Object.entries(this.#usual));
    const told = Object.entries(entry).filter(([name, value]) => !usual.has(name) || usual.get(name) !== value);
    return Object.fromEntries(told);
  }

  #file(version: string): URL {
    return new URL(version === newestVersion ? "transcript.yaml" : `${version}.yaml`, this.#folder);
  }
}
