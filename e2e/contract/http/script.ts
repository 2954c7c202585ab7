import type { Exchange } from "./exchange.ts";
import { accessSteps } from "./steps/access.ts";
import { listSteps } from "./steps/lists.ts";
import { watchSteps } from "./steps/watches.ts";
import { writeSteps } from "./steps/writes.ts";

/** What clients rely on beyond what kubectl shows: answers in full, preconditions, paging, watches. */
export const exchanges: readonly Exchange[] = [...writeSteps, ...listSteps, ...watchSteps, ...accessSteps];
