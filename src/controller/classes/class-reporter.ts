import { type LoadBalancerClass, loadBalancerClasses } from "../../api/index.ts";
import { type Clock, isAbort } from "../../base/index.ts";
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
  readonly mayWrite: () => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Says on each class whose provider runs here whether it is accepted. Writes nothing that is said already. */
export class ClassReporter {
  readonly #options: ClassReporterOptions;

  constructor(options: ClassReporterOptions) {
    this.#options = options;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const { client, objects, view, mayWrite, clock } = this.#options;
    const object = objects.get(name);
    const verdict = view.verdicts.get(name);
    if (object === undefined || verdict === undefined) return {};
    const patch = verdictPatch(object, verdict, clock.now());
    if (patch === undefined) return {};
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
    return {};
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
