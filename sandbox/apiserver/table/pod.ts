import type { Pod } from "../../../src/api/index.ts";
import { ageColumn, ageOf, column, since, type TableColumns, wide } from "./table.ts";

export const podColumns: TableColumns = {
  columns: [
    column("Name"),
    column("Ready"),
    column("Status"),
    column("Restarts"),
    ageColumn,
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
  ],
  cells(object, now) {
    const pod = object as unknown as Pod;
    const { metadata, spec, status } = pod;
    const statuses = status?.containerStatuses ?? [];
    const ready = statuses.filter((container) => container.ready && container.state?.running !== undefined).length;
    return [
      metadata.name ?? "",
      `${ready}/${spec?.containers.length ?? 0}`,
      podState(pod),
      restarts(pod, now),
      ageOf(object, now),
      status?.podIPs?.[0]?.ip ?? "<none>",
      spec?.nodeName || "<none>",
      status?.nominatedNodeName || "<none>",
      readinessGates(pod),
    ];
  },
};

/** The STATUS column: the phase, unless a container or the deletion says more. */
function podState({ metadata, status }: Pod): string {
  const phase = status?.phase ?? "";
  const containers = status?.containerStatuses ?? [];
  const isReady = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  let state = status?.reason || phase;
  let failed = "";
  for (const { state: container } of containers.toReversed()) {
    if (container?.waiting?.reason) state = container.waiting.reason;
    else if (container?.terminated !== undefined) {
      const { reason, signal, exitCode } = container.terminated;
      state = reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
      if (exitCode !== 0) failed = state;
    }
  }
  const isRunning = containers.some((container) => container.ready && container.state?.running !== undefined);
  if (state === "Completed") {
    if (isRunning) state = isReady ? "Running" : "NotReady";
    else if (failed !== "") state = failed;
  }
  if (metadata.deletionTimestamp === undefined) return state;
  if (status?.reason === "NodeLost") return "Unknown";
  return phase === "Succeeded" || phase === "Failed" ? state : "Terminating";
}

function restarts({ status }: Pod, now: number): string {
  const containers = status?.containerStatuses ?? [];
  const count = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const finished = containers
    .map(({ lastState }) => lastState?.terminated?.finishedAt)
    .filter((stamp) => stamp !== undefined)
    .toSorted();
  return count === 0 || finished.length === 0 ? `${count}` : `${count} (${since(finished.at(-1), now)} ago)`;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const isTrue = (gate: string): boolean =>
    status?.conditions?.some(({ type, status }) => type === gate && status === "True") === true;
  return `${gates.filter(({ conditionType }) => isTrue(conditionType)).length}/${gates.length}`;
}
