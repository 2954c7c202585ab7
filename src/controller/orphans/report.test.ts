import { expect, it } from "vitest";
import type { Service } from "../../api/index.ts";
import { plainClasses } from "../../model/index.ts";
import type { OwnedObject } from "../../provider/index.ts";
import { formatOrphans, orphanReport } from "./report.ts";

const classes = plainClasses(new Map([["memory", "berth.dev/memory"]]), undefined);

function owned(kind: "service" | "members", name: string, more: Partial<OwnedObject> = {}): OwnedObject {
  const id = { clusterId: "cluster-1", uid: `uid-${name}`, namespace: "default", name };
  return { scope: { kind, id }, ref: `${kind}-${name}`, retained: false, addresses: [], ...more };
}

function service(name: string, type: string, uid = `uid-${name}`): Service {
  const spec = type === "LoadBalancer" ? { type, loadBalancerClass: "berth.dev/memory" } : { type };
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: "default", name, uid }, spec };
}

const found = orphanReport({
  clusterId: "cluster-1",
  owned: new Map([
    [
      "memory",
      [
        owned("service", "wanted"),
        owned("service", "gone", { addresses: ["192.0.2.1"] }),
        owned("members", "gone"),
        owned("service", "kept", { retained: true }),
        owned("members", "kept"),
        owned("service", "anew"),
        owned("service", "other"),
        { scope: { kind: "shared", clusterId: "cluster-1", name: "fw" }, ref: "fw", retained: false, addresses: [] },
      ],
    ],
    ["elsewhere", [owned("service", "wanted")]],
  ]),
  services: [
    service("wanted", "LoadBalancer"),
    service("anew", "LoadBalancer", "uid-second"),
    service("other", "ClusterIP"),
  ],
  classes,
  classObjects: [],
});

it("lists what no Service of the provider wants, with all its parts, and why", () => {
  expect(formatOrphans(found)).toBe(
    [
      "PROVIDER   SERVICE         UID         STATE     ADDRESSES  REFERENCES                 WHY",
      "elsewhere  default/wanted  uid-wanted  orphan    -          service-wanted             the Service does not want it: its type or class is another",
      "memory     default/anew    uid-anew    orphan    -          service-anew               the Service of this name is another one, with another UID",
      "memory     default/gone    uid-gone    orphan    192.0.2.1  members-gone,service-gone  there is no such Service",
      "memory     default/kept    uid-kept    retained  -          members-kept,service-kept  it is tagged to stay",
      "memory     default/other   uid-other   orphan    -          service-other              the Service does not want it: its type or class is another",
      "",
    ].join("\n"),
  );
});

it("says that there is none", () => {
  expect(formatOrphans({ clusterId: "cluster-1", orphans: [] })).toBe(
    "No load balancer of cluster cluster-1 is without a Service that wants it.\n",
  );
});
