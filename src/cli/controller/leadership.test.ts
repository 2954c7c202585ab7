import { expect, it } from "vitest";
import { ConnectionError, KubeApiError } from "../../kube/index.ts";
import { leaseTrouble } from "./leadership.ts";
import { defaultSettings } from "./settings.ts";

it("the rights to the Lease are named, by the names that it has here; what passes by itself is no trouble", () => {
  const settings = { ...defaultSettings({ POD_NAMESPACE: "berth" }), instance: "berth-node" };
  const forbidden = new KubeApiError({ code: 403, reason: "Forbidden", message: "you may not watch leases" });
  expect(leaseTrouble(settings, forbidden)).toEqual([
    {
      kind: "Lease berth/berth-node",
      why: "you may not watch leases; allow `get, list, watch, patch leases.coordination.k8s.io berth-node, create leases.coordination.k8s.io in berth`, as deploy/rbac/controller.yaml does",
    },
  ]);
  expect(leaseTrouble(settings, new ConnectionError("https://api", new Error("down")))).toEqual([]);
  expect(leaseTrouble(settings, undefined)).toEqual([]);
});
