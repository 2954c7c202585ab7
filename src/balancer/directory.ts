import { type FSWatcher, watch } from "node:fs";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type BalancerFile, balancerFiles } from "./config.ts";

/** The directory of one load balancer, as its balancer sees it. */
export class Directory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(name: BalancerFile): string {
    return join(this.path, name);
  }

  async exists(): Promise<boolean> {
    return (await stat(this.path).catch(() => undefined)) !== undefined;
  }

  /** Undefined when there is no such file. */
  async read(name: BalancerFile): Promise<string | undefined> {
    try {
      return await readFile(this.file(name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Puts the whole text in place at once. */
  async write(name: BalancerFile, text: string): Promise<void> {
    const draft = `${this.file(name)}.new`;
    await writeFile(draft, text);
    await rename(draft, this.file(name));
  }

  /** Calls back when the configuration, or the directory, may have changed. The kernel may refuse to watch; then nothing is called. */
  watchConfig(onChange: () => void): Disposable {
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(this.path, (_, name) => {
        // The end of the directory itself is told under its own name.
        if (name === null || name === balancerFiles.config || name === basename(this.path)) onChange();
      });
      watcher.on("error", () => {});
    } catch {
      // Out of inotify instances (128 per user by default): the caller looks now and then anyway.
    }
    return { [Symbol.dispose]: () => watcher?.close() };
  }
}
