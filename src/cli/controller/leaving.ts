// What `berth controller uninstall` does besides the work of a controller: nobody else works, it ends once nothing is left,
// and the Lease goes.
import { deployments, leases } from "../../api/index.ts";
import { errorMessage, FailureError, onAbort, sleep, systemClock } from "../../base/index.ts";
import { allowing, type Controller, type Missing } from "../../controller/index.ts";
import { isForbidden, isNotFound, type KubeClient } from "../../kube/index.ts";
import { formatMs } from "../go-duration.ts";
import type { Settings } from "./settings.ts";

export interface Leaving {
  /** The Deployment of the controllers that work until now, in the namespace of the Lease; undefined: there is none. */
  readonly deployment: string | undefined;
  readonly timeoutMs: number;
}

type Deleting = Pick<KubeClient, "delete">;
type Place = Pick<Settings, "namespace" | "instance">;

const lookMs = 250;
/** More would hide the first ones. */
const maxNamed = 10;

/** Lets the controllers end that work until now: the Lease is free once they have. Throws FailureError. */
export async function endDeployment(
  client: Deleting,
  { namespace }: Place,
  { deployment: name }: Leaving,
  signal: AbortSignal,
): Promise<void> {
  if (name === undefined) return;
  const right = `delete deployments.apps ${name} in ${namespace}`;
  await deleted(right, client.delete(deployments, { namespace, name }, signal, { propagation: "Background" }));
}

/** So that nothing of us is in the cluster any more. Throws FailureError. */
export async function removeLease(
  client: Deleting,
  at: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  await deleted(`delete leases.coordination.k8s.io ${at.name} in ${at.namespace}`, client.delete(leases, at, signal));
}

async function deleted(right: string, answer: Promise<void>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (isNotFound(error)) return;
    if (!isForbidden(error)) throw error;
    throw new FailureError(`${errorMessage(error)}; ${allowing(right, "the role berth-uninstall-controller")}`, {
      cause: error,
    });
  }
}

/** Works for as long as something remains. Throws FailureError, naming what remains, when that takes too long. */
export async function untilLeft(
  work: (signal: AbortSignal) => Promise<void>,
  remains: () => readonly string[],
  { timeoutMs }: Leaving,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController();
  using _ = onAbort(signal, () => end.abort(signal.reason));
  const deadline = systemClock.monotonic() + timeoutMs;
  let late: FailureError | undefined;
  const working = work(end.signal);
  // Whoever fails says so below.
  const over = working.catch(() => {}).then(() => end.abort(new Error("the work is over")));
  while (!end.signal.aborted && remains().length > 0) {
    if (systemClock.monotonic() >= deadline) late = new FailureError(lateText(remains(), timeoutMs));
    if (late !== undefined) break;
    await sleep(lookMs, end.signal).catch(() => {});
  }
  end.abort(late ?? new Error("nothing is left"));
  await over;
  await working;
  signal.throwIfAborted();
  if (late !== undefined) throw late;
}

function lateText(remains: readonly string[], timeoutMs: number): string {
  const named = remains.slice(0, maxNamed).join("; ");
  const more = remains.length > maxNamed ? `; and ${remains.length - maxNamed} more` : "";
  return `not given up within ${formatMs(timeoutMs)}: ${named}${more}; mend what it says and run it again, as nothing that remains was let go`;
}

/** What keeps this controller from its end, a text for each. */
export function remainsOf(
  controller: Pick<Controller, "remains" | "missing">,
  { namespace, instance }: Place,
  troubles: readonly Missing[],
  isLeading: boolean,
): readonly string[] {
  if (troubles.length > 0) return troubles.map(({ kind, why = "" }) => `${kind}: ${why}`);
  if (!isLeading && controller.missing.length === 0)
    return [`Lease ${namespace}/${instance}: another controller has it`];
  return controller.remains;
}
