import { type LoadBalancerClass, loadBalancerClasses } from "../../api/index.ts";
import { type Clock, errorMessage, isAbort } from "../../base/index.ts";
import {
  FencedError,
  isConflict,
  isNotFound,
  type KubeClient,
  mergeDiff,
  type Store,
  upsertCondition,
  type WorkResult,
} from "../../kube/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { GuardedAdapter } from "../engine/guarded-adapter.ts";
import { StoppedError } from "../engine/stopped-error.ts";
import { type Write, WriteError, whyRefused } from "../status/write-error.ts";
import type { ClassView } from "./class-view.ts";
import type { Verdict } from "./classes-from.ts";

const write: Write = { what: "the status of the class", right: "patch loadbalancerclasses.berth.dev/status" };

/** The watch brings the newer state long before. */
const conflictMs = 10_000;

export interface ClassReporterOptions {
  readonly client: Pick<KubeClient, "mergePatch">;
  readonly objects: Store<LoadBalancerClass>;
  readonly view: ClassView;
  /** By name. */
  readonly providers: ReadonlyMap<string, Pick<GuardedAdapter, "identity">>;
  readonly mayWrite: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who the provider says that we are may be known later. */
const unknownMs = 60_000;

/** Says on each class whose provider runs here whether it is accepted, and as whom it acts. Writes nothing that is said already. */
export class ClassReporter {
  readonly #options: ClassReporterOptions;
  /** By provider. */
  readonly #identities = new Map<string, string>();

  constructor(options: ClassReporterOptions) {
    this.#options = options;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const { client, objects, view, mayWrite, clock } = this.#options;
    const object = objects.get(name);
    const verdict = view.verdicts.get(name);
    if (object === undefined || verdict === undefined) return {};
    const who = verdict.status ? await this.#whoActs(verdict.provider ?? "", signal) : { text: "", isKnown: true };
    const later = who.isKnown ? {} : { requeueAfterMs: unknownMs };
    const patch = verdictPatch(object, { ...verdict, message: `${verdict.message}${who.text}` }, clock.now());
    if (patch === undefined) return later;
    const why = mayWrite();
    if (why !== undefined) throw new StoppedError(why);
    try {
      objects.overlay(await client.mergePatch(loadBalancerClasses, object, patch, signal, { subresource: "status" }));
    } catch (error) {
      if (isNotFound(error)) return {};
      if (isConflict(error)) return { requeueAfterMs: conflictMs };
      if (error instanceof FencedError || isAbort(error, signal)) throw error;
      return this.#refused(name, new WriteError(write, error));
    }
    return later;
  }

  /** Asked once: another one needs other credentials, and they a new process. */
  async #whoActs(provider: string, signal: AbortSignal): Promise<{ readonly text: string; readonly isKnown: boolean }> {
    const identity = this.#options.providers.get(provider)?.identity;
    if (identity === undefined) return { text: "", isKnown: true };
    try {
      const known = this.#identities.get(provider) ?? (await identity(signal));
      this.#identities.set(provider, known);
      return { text: `, as ${known}`, isKnown: true };
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      return { text: `, as whom cannot be told: ${errorMessage(error)}`, isKnown: false };
    }
  }

  /** The object itself cannot say it. */
  #refused(name: string, error: WriteError): WorkResult {
    if (error.decision.kind === "backOff") throw error;
    this.#options.logger.warn("verdict on a class not written", { key: name, why: whyRefused(error) });
    return { requeueAfterMs: error.decision.forMs };
  }
}

/** Undefined when the object says so already. */
function verdictPatch(
  { metadata: { generation }, status: { provider, conditions = [] } = {} }: LoadBalancerClass,
  verdict: Verdict,
  nowMs: number,
): object | undefined {
  const condition = {
    type: "Accepted",
    status: verdict.status ? "True" : "False",
    reason: verdict.reason,
    message: verdict.message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  return mergeDiff(
    { status: { provider, conditions } },
    { status: { provider: verdict.provider, conditions: upsertCondition(conditions, condition, nowMs) } },
  );
}
