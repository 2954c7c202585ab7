import { type Clock, errorMessage } from "../base/index.ts";
import type { LogFields, Logger } from "../telemetry/index.ts";

/** A failure that stays the same is told again only so often. */
const repeatMs = 600_000;

/** What fails at every try: one line for as long as that lasts, as it is for people to mend, perhaps tomorrow. */
export class Trouble {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #words: { readonly begins: string; readonly ends: string };
  #told: { readonly error: unknown; readonly name: string; readonly at: number } | undefined;

  /** `words`: the constant messages of its lines. */
  constructor(logger: Logger, clock: Clock, words: { readonly begins: string; readonly ends: string }) {
    this.#logger = logger;
    this.#clock = clock;
    this.#words = words;
  }

  /** What failed last; undefined when all is well. */
  get error(): unknown {
    return this.#told?.error;
  }

  /** `name`: what makes two failures the same. */
  tell(error: unknown, fields: LogFields = {}, name: string = errorMessage(error)): void {
    const now = this.#clock.monotonic();
    const isOld = this.#told?.name === name && now - this.#told.at < repeatMs;
    this.#told = { error, name, at: isOld ? (this.#told?.at ?? now) : now };
    this.#logger[isOld ? "debug" : "warn"](this.#words.begins, { err: error, ...fields });
  }

  end(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#logger.info(this.#words.ends);
  }
}
