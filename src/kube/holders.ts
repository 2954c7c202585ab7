import type { Lease } from "../api/index.ts";

/** What a leader does. Candidates for a lease should all do the same, or some of it is done by nobody. */
export interface LeadersWork {
  /** The key under which the leader says it on the lease. */
  readonly annotation: string;
  readonly value: string;
  /** Called while standing by, once for each holder that does something else. */
  readonly onOther: (holder: string, work: string) => void;
}

/** Compares what those do who hold a lease with what we would do. */
export class Holders {
  readonly #work: LeadersWork | undefined;
  /** The one of whom was told last. */
  #told: string | undefined;

  constructor(work: LeadersWork | undefined) {
    this.#work = work;
  }

  /** What a lease says once it is ours. */
  get said(): Pick<Lease["metadata"], "annotations"> {
    return this.#work === undefined ? {} : { annotations: { [this.#work.annotation]: this.#work.value } };
  }

  see(lease: Lease | undefined): void {
    const { holderIdentity: holder } = lease?.spec ?? {};
    if (this.#work === undefined || holder === undefined || holder === this.#told) return;
    const work = lease?.metadata.annotations?.[this.#work.annotation];
    // A holder of an older version does not say.
    if (work === undefined || work === this.#work.value) return;
    this.#told = holder;
    this.#work.onOther(holder, work);
  }
}
