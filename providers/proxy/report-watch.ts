import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { balancerFiles } from "../../src/balancer/config.ts";
import type { Clock } from "../../src/base/index.ts";
import { isRunning, parseProcess } from "../../src/kernel/index.ts";
import { readText } from "./files.ts";

/** A process that is not our child ends without telling anybody. */
const lookMs = 2000;

/** Tells when a balancer below `root` wrote its status, or has died; `root/<name>/` is the directory of one. */
export class ReportWatch implements Disposable {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #onReport: (name: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  /** Those whose death has not been told yet. */
  readonly #alive = new Set<string>();
  #nextLook: Disposable;

  constructor(root: string, clock: Clock, onReport: (name: string) => void) {
    this.#root = root;
    this.#clock = clock;
    this.#onReport = onReport;
    this.#nextLook = this.#schedule();
  }

  /** Begins to watch this one; harmless when it is watched already, or is not there. */
  add(name: string): void {
    if (this.#watchers.has(name)) return;
    try {
      const watcher = watch(join(this.#root, name), { persistent: false }, (event, file) => {
        if (file === balancerFiles.status) {
          this.#alive.add(name);
          this.#onReport(name);
        }
        // inotify reports the end of the directory itself under its own name.
        if (event === "rename" && file === name) this.remove(name);
      });
      watcher.on("error", () => this.remove(name));
      this.#watchers.set(name, watcher);
      this.#alive.add(name);
    } catch {
      // Gone, or the kernel refuses to watch: the next look at this load balancer finds out what there is.
    }
  }

  remove(name: string): void {
    this.#watchers.get(name)?.close();
    this.#watchers.delete(name);
    this.#alive.delete(name);
  }

  #schedule(): Disposable {
    return this.#clock.schedule(() => {
      this.#nextLook = this.#schedule();
      for (const name of this.#alive) void this.#look(name);
    }, lookMs);
  }

  async #look(name: string): Promise<void> {
    const id = parseProcess((await readText(join(this.#root, name, balancerFiles.pid))) ?? "");
    // Once told, it is the controller's to start another; its first report counts it alive again.
    if (id !== undefined && !isRunning(id) && this.#alive.delete(name)) this.#onReport(name);
  }

  [Symbol.dispose](): void {
    this.#nextLook[Symbol.dispose]();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
