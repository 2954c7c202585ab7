import type { Exec } from "../kernel/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { removeNftTables } from "./cleanup.ts";

/** What a kube-proxy in nftables mode has left; taken away once our own rules are there, so that nobody waits. */
export class NftLeftovers {
  readonly #exec: Exec;
  readonly #families: readonly Family[];
  readonly #logger: Logger;
  #done = false;

  constructor(exec: Exec, families: readonly Family[], logger: Logger) {
    this.#exec = exec;
    this.#families = families;
    this.#logger = logger;
  }

  /** To be called after each sync; does something until it has succeeded. */
  async remove(signal: AbortSignal): Promise<void> {
    if (this.#done) return;
    try {
      for (const what of await removeNftTables(this.#exec, this.#families, signal))
        this.#logger.info("rules of kube-proxy's nftables mode removed", { what });
      this.#done = true;
    } catch (err) {
      this.#logger.warn("rules of kube-proxy's nftables mode not removed; tried again after the next sync", { err });
    }
  }
}
