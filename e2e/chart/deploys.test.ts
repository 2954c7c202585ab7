// What holds for the matrix holds for each release of the golden files, those of `deploy` among them.
import { expect, it } from "vitest";
import { cases } from "../../hack/chart/cases.ts";
import { render } from "../../hack/chart/helm.ts";
import { fitViolations, podViolations } from "./policy.ts";
import { startAgent, startController, startUninstall } from "./processes.ts";
import { workloadsOf } from "./release.ts";
import { foreignKinds, unknownFields } from "./schemas.ts";

it.each(Object.entries(cases))("the release %s is as it must be, and its processes start", async (_, setting) => {
  const objects = render(setting);
  expect(objects.filter(({ kind }) => !foreignKinds.has(kind)).flatMap(unknownFields)).toEqual([]);
  expect(workloadsOf(objects).flatMap(podViolations)).toEqual([]);
  expect(fitViolations(objects, setting.namespace ?? "kube-system")).toEqual([]);
  for (const { process, isJob, pod } of workloadsOf(objects))
    for (const container of pod.containers)
      if (isJob) await startUninstall(objects, process, container);
      else await (process === "agent" ? startAgent : startController)(objects, container);
});
