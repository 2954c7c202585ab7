/** What a probe of a container came to; `silent`: no answer in time. */
export type ProbeAnswer = "ready" | "not ready" | "silent";

/** The default `failureThreshold` of a readiness probe (core/v1 Probe). */
const failureThreshold = 3;

/** Whether a container is ready, probe after probe. A slow machine makes a probe time out: one says nothing yet. */
export class Readiness {
  #ready = false;
  #silences = 0;

  after(answer: ProbeAnswer): boolean {
    this.#silences = answer === "silent" ? this.#silences + 1 : 0;
    if (answer !== "silent") this.#ready = answer === "ready";
    else if (this.#silences >= failureThreshold) this.#ready = false;
    return this.#ready;
  }
}
