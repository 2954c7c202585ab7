import type { Exchange } from "./exchange.ts";
import { accessSteps } from "./steps/access.ts";
import { addressSteps } from "./steps/addresses.ts";
import { customSteps } from "./steps/custom.ts";
import { definitionSteps } from "./steps/definitions.ts";
import { listSteps } from "./steps/lists.ts";
import { metadataSteps } from "./steps/metadata.ts";
import { objectSteps } from "./steps/objects.ts";
import { serviceSteps } from "./steps/services.ts";
import { sliceSteps } from "./steps/slices.ts";
import { warningSteps } from "./steps/warnings.ts";
import { watchSteps } from "./steps/watches.ts";
import { writeSteps } from "./steps/writes.ts";

/** What clients rely on beyond what kubectl shows: answers in full, preconditions, paging, watches. */
export const exchanges: readonly Exchange[] = [
  ...writeSteps,
  ...metadataSteps,
  ...serviceSteps,
  ...sliceSteps,
  ...objectSteps,
  ...addressSteps,
  ...listSteps,
  ...watchSteps,
  ...accessSteps,
  ...definitionSteps,
  ...customSteps,
  ...warningSteps,
];
