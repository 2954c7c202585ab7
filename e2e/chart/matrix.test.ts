import { beforeAll, describe, expect, it } from "vitest";
import { type Rendered, render } from "../../hack/chart/helm.ts";
import { matrix } from "./matrix.ts";
import { expectedRights, fitViolations, givenRights, isLoopback, podViolations, portViolations } from "./policy.ts";
import { startAgent, startController, startUninstall } from "./processes.ts";
import { workloadsOf } from "./release.ts";
import { foreignKinds, unknownFields } from "./schemas.ts";

describe.each(matrix)("the chart with $name", ({ row, setting }) => {
  let objects: readonly Rendered[] = [];

  beforeAll(() => {
    objects = render(setting);
  });

  it("renders what was asked for", () => {
    const has = (kind: string): boolean => objects.some((object) => object.kind === kind);
    const [agent, controller] = [row["processes"] !== "controller", row["processes"] !== "agent"];
    expect({ agent: has("DaemonSet"), controller: has("Deployment") }).toEqual({ agent, controller });
    const jobs = objects.filter(({ kind }) => kind === "Job").length;
    expect(jobs).toBe(row["uninstall"] === "leaves" ? 0 : Number(agent) + Number(controller));
    expect(has("CustomResourceDefinition")).toBe(row["definitions"] !== "none");
    expect(has("LoadBalancerClass")).toBe(controller && row["kinds"] === "known");
    expect(has("PodDisruptionBudget")).toBe(controller && row["replicas"] !== "one");
    expect(has("NetworkPolicy")).toBe(controller && row["policy"] !== "none");
    expect(has("PodMonitor")).toBe(agent && row["metrics"] === "monitored");
    expect(has("ServiceMonitor")).toBe(controller && row["metrics"] === "monitored");
  });

  it("fits the schemas of Kubernetes", () => {
    expect(objects.filter(({ kind }) => !foreignKinds.has(kind)).flatMap(unknownFields)).toEqual([]);
  });

  it("keeps to what we ask of pods", () => {
    expect(workloadsOf(objects).flatMap(podViolations)).toEqual([]);
  });

  it("is of one piece", () => {
    expect(fitViolations(objects, setting.namespace)).toEqual([]);
  });

  it("gives the rights that are used", async () => {
    const expected = await expectedRights(objects, row["nodePorts"] !== "required");
    expect(givenRights(objects, setting.namespace)).toEqual(expected);
  });

  it("starts processes that take all that they are told, and probes them where they answer", async () => {
    for (const { process, isJob, pod } of workloadsOf(objects)) {
      if (isJob) {
        for (const container of pod.containers) await startUninstall(objects, process, container);
        continue;
      }
      const start = process === "agent" ? startAgent : startController;
      for (const container of pod.initContainers ?? []) await start(objects, container);
      for (const container of pod.containers) {
        const listening = await start(objects, container);
        expect(portViolations(container, listening)).toEqual([]);
        const isToldAddress = process === "agent" && row["processes"] === "besideKubeProxy";
        expect(isLoopback(listening.metrics.host)).toBe(row["metrics"] === "hidden" && !isToldAddress);
      }
    }
  });
});
