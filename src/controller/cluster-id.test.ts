import { expect, it } from "vitest";
import { KubeApiError } from "../kube/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { readClusterId } from "./index.ts";

it("tells which right lacks to know the cluster, and how to do without it", async () => {
  const end = new AbortController();
  const get = async (): Promise<never> => {
    throw new KubeApiError({ code: 403, reason: "Forbidden", message: "you may not get namespaces" });
  };
  const told: string[] = [];
  const reading = readClusterId({ get }, nullLogger, end.signal, (why) => {
    told.push(why);
    end.abort(new Error("seen"));
  });
  await expect(reading).rejects.toThrow("seen");
  expect(told).toEqual([
    "you may not get namespaces; allow `get namespaces`, as deploy/rbac/controller.yaml does, or give --cluster-id",
  ]);
});
