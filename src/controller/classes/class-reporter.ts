import { type LoadBalancerClass, loadBalancerClasses } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import {
  isConflict,
  isNotFound,
  type KubeClient,
  type Store,
  upsertCondition,
  type WorkResult,
} from "../../kube/index.ts";
import { StoppedError } from "../engine/stopped-error.ts";
import type { ClassView } from "./class-view.ts";

export interface ClassReporterOptions {
  readonly client: Pick<KubeClient, "mergePatch">;
  readonly objects: Store<LoadBalancerClass>;
  readonly view: ClassView;
  readonly mayWrite: () => string | undefined;
  readonly clock: Clock;
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
    const before = object.status?.conditions ?? [];
    const { reason, message } = verdict;
    const { generation: observedGeneration } = object.metadata;
    const condition = { type: "Accepted", status: verdict.status ? "True" : "False", reason, message };
    const conditions = upsertCondition(
      before,
      observedGeneration === undefined ? condition : { ...condition, observedGeneration },
      clock.now(),
    );
    if (conditions === before) return {};
    const why = mayWrite();
    if (why !== undefined) throw new StoppedError(why);
    try {
      const patch = { status: { conditions } };
      objects.overlay(await client.mergePatch(loadBalancerClasses, object, patch, signal, { subresource: "status" }));
    } catch (error) {
      // The watch brings the newer state, or that there is none.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    return {};
  }
}
