// What a controller tells of the Lease for which it waits.
import { providersAnnotation } from "../../api/index.ts";
import { errorMessage } from "../../base/index.ts";
import { allowing, type Missing } from "../../controller/index.ts";
import { isForbidden, isNotFound, type LeadersWork } from "../../kube/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { Settings } from "./settings.ts";

/** What the holder of the Lease does. A standby with other providers would wait for ever, and its providers with it. */
export function workOf({ namespace, instance, providers }: Settings, logger: Logger): LeadersWork {
  const value = providers.toSorted().join(",");
  return {
    annotation: providersAnnotation,
    value,
    onOther: (holder, others) =>
      logger.warn("the lease is held by a controller of other providers", {
        key: `${namespace}/${instance}`,
        why: `${holder} runs ${others}, this one ${value}; it works only when that one ends: run the same providers in both, or give this one another --instance and a right to that Lease`,
      }),
  };
}

/** Without a right to its Lease, or without the namespace, a controller is nobody's standby. */
export function leaseTrouble({ namespace, instance }: Settings, failure: unknown): readonly Missing[] {
  if (!isForbidden(failure) && !isNotFound(failure)) return [];
  const kind = "leases.coordination.k8s.io";
  const right = `get, list, watch, patch ${kind} ${instance}, create ${kind} in ${namespace}`;
  const why = isForbidden(failure) ? `${failure.message}; ${allowing(right)}` : errorMessage(failure);
  return [{ kind: `Lease ${namespace}/${instance}`, why }];
}
