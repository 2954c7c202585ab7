import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { balancerFiles } from "../../src/balancer/config.ts";
import type { Clock } from "../../src/base/index.ts";

/** A process that is not our child ends without telling anybody. */
const lookMs = 2000;

export interface ReportWatchOptions {
  /** `root/<name>/` is the directory of a balancer. */
  readonly root: string;
  readonly clock: Clock;
  /** Which of these have ended. */
  readonly ended: (names: readonly string[], signal: AbortSignal) => Promise<readonly string[]>;
  readonly onReport: (name: string) => void;
}

/** Tells when a balancer wrote its status, or has died. */
export class ReportWatch implements Disposable {
  readonly #options: ReportWatchOptions;
  readonly #stop = new AbortController();
  readonly #watchers = new Map<string, FSWatcher>();
  /** Those whose death has not been told yet. */
  readonly #alive = new Set<string>();
  #nextLook: Disposable;

  constructor(options: ReportWatchOptions) {
    this.#options = options;
    this.#nextLook = this.#schedule();
  }

  /** Begins to watch this one; harmless when it is watched already, or is not there. */
  add(name: string): void {
    if (this.#watchers.has(name)) return;
    try {
      const watcher = watch(join(this.#options.root, name), { persistent: false }, (event, file) => {
        if (file === balancerFiles.status) {
          this.#alive.add(name);
          this.#options.onReport(name);
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
    return this.#options.clock.schedule(() => void this.#look(), lookMs);
  }

  async #look(): Promise<void> {
    const { ended, onReport } = this.#options;
    const { signal } = this.#stop;
    // Who cannot be asked tells nothing.
    const found = this.#alive.size === 0 ? [] : await ended([...this.#alive], signal).catch(() => []);
    if (signal.aborted) return;
    // Once told, it is the controller's to start another; its first report counts it alive again.
    for (const name of found) if (this.#alive.delete(name)) onReport(name);
    this.#nextLook = this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#nextLook[Symbol.dispose]();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
