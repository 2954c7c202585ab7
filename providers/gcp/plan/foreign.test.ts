import { expect, it } from "vitest";
import { ProviderError } from "../../../src/provider/index.ts";
import { type Resource, refOf, refText } from "../resources.ts";
import { PlannerBed } from "../testing/bed.ts";
import { desiredLb, node } from "../testing/values.ts";

const healthCheck = { protocol: "HTTP", port: 31_000, path: "/healthz" } as const;
const wanted = {
  lb: desiredLb({ families: ["IPv4", "IPv6"], externalTrafficPolicy: "Local", healthCheck }),
  nodes: [node("b1", "b", "10.0.0.1")],
};

function made(): readonly Resource[] {
  const bed = new PlannerBed();
  bed.converge(wanted);
  return [...bed.region.resources.values()];
}

const descriptions = [
  ["nobody of ours", "made by hand", "made by hand"],
  [
    "a Service of before",
    '{"berth.dev/cluster":"cluster-1","berth.dev/service":"default/web","berth.dev/service-uid":"before"}',
    "Service default/web (before) of cluster cluster-1",
  ],
  [
    "the same Service of another cluster",
    '{"berth.dev/cluster":"other","berth.dev/service":"default/web","berth.dev/service-uid":"11111111-2222"}',
    "Service default/web (11111111-2222) of cluster other",
  ],
] as const;

const cells = made().flatMap((resource) =>
  descriptions.map(([who, ...rest]) => [refText(refOf(resource)), who, resource, ...rest] as const),
);

it.each(cells)("leaves %s alone that belongs to %s", (text, _, resource, description, owner) => {
  const elsewhere = resource.kind === "forwardingRule" ? { IPAddress: "203.0.113.1" } : {};
  const foreign = { ...resource, ...elsewhere, description };
  const bed = new PlannerBed();
  bed.region.put(foreign);
  expect(faultOf(bed)).toEqual({ kind: "conflict", owner: expect.stringContaining(owner) });
  bed.converge(null);
  expect(bed.region.resources.get(text)).toEqual(foreign);
  expect(bed.region.journal.filter((entry) => entry.endsWith(text) && !entry.startsWith("insert"))).toEqual([]);
});

it("has a cell for every kind of resource", () => {
  const kinds = new Set(made().map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual([
    "address",
    "backendService",
    "endpointGroup",
    "firewall",
    "forwardingRule",
    "healthCheck",
  ]);
});

function faultOf(bed: PlannerBed): unknown {
  try {
    bed.converge(wanted);
  } catch (error) {
    return error instanceof ProviderError ? error.fault : error;
  }
  return "no conflict";
}
