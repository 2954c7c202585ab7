import type { Step } from "./step.ts";
import { accessSteps } from "./steps/access.ts";
import { applySteps } from "./steps/applies.ts";
import { changeSteps } from "./steps/changes.ts";
import { clusterSteps } from "./steps/cluster.ts";
import { customSteps } from "./steps/custom.ts";
import { refusalSteps } from "./steps/refusals.ts";
import { serviceSteps } from "./steps/services.ts";
import { watchSteps } from "./steps/watches.ts";
import { workloadSteps } from "./steps/workloads.ts";

/**
 * What an administrator of Services does with kubectl, in one order, each part leaving the namespace `shop` empty.
 * Addresses and ports that the script names lie in the static bands (10.96.0.0-255, 30000-30085), so that no
 * allocator hands them out by chance. Nothing here needs a controller: only the API server acts.
 */
export const script: readonly Step[] = [
  ...clusterSteps,
  ...serviceSteps,
  ...applySteps,
  ...refusalSteps,
  ...changeSteps,
  ...watchSteps,
  ...accessSteps,
  ...workloadSteps,
  ...customSteps,
];
