import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { balancerFiles } from "../../src/balancer/config.ts";

/** Tells when a balancer below `root` wrote its status; `root/<name>/` is the directory of one. */
export class ReportWatch implements Disposable {
  readonly #root: string;
  readonly #onReport: (name: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(root: string, onReport: (name: string) => void) {
    this.#root = root;
    this.#onReport = onReport;
  }

  /** Begins to watch this one; harmless when it is watched already, or is not there. */
  add(name: string): void {
    if (this.#watchers.has(name)) return;
    try {
      const watcher = watch(join(this.#root, name), { persistent: false }, (event, file) => {
        if (file === balancerFiles.status) this.#onReport(name);
        // inotify reports the end of the directory itself under its own name.
        if (event === "rename" && file === name) this.remove(name);
      });
      watcher.on("error", () => this.remove(name));
      this.#watchers.set(name, watcher);
    } catch {
      // Gone, or the kernel refuses to watch: the next look at this load balancer finds out what there is.
    }
  }

  remove(name: string): void {
    this.#watchers.get(name)?.close();
    this.#watchers.delete(name);
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
