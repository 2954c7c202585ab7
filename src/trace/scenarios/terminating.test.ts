import { describe, expect, it } from "vitest";
import { port } from "../../model/testing/objects.ts";
import { cluster, serve } from "../testing/scenario.ts";

/** What a pod at the ClusterIP and a client at the load balancer get, with external policy Local and Cluster. */
interface Expected {
  readonly pod: string;
  readonly local: string;
  readonly cluster: string;
}

const all = (...ends: number[]): string => ends.map((n) => `10.0.1.${n}:80`).join(", ");

describe.each<[string, string[], Expected]>([
  [
    "ready ones exist",
    [
      "10.0.1.1 here ready",
      "10.0.1.2 here ready",
      "10.0.1.3 here ending",
      "10.0.1.4 here dead",
      "10.0.1.5 there ready",
    ],
    { pod: all(1, 2, 5), local: all(1, 2), cluster: `${all(1, 2, 5)} masqueraded` },
  ],
  [
    "only those here end, another is ready",
    ["10.0.1.2 here ending", "10.0.1.3 here ending", "10.0.1.4 here dead", "10.0.1.5 there ready"],
    { pod: all(5), local: all(2, 3), cluster: `${all(5)} masqueraded` },
  ],
  [
    "all end",
    ["10.0.1.2 here ending", "10.0.1.3 here ending", "10.0.1.4 there dead", "10.0.1.5 there ending"],
    { pod: all(2, 3, 5), local: all(2, 3), cluster: `${all(2, 3, 5)} masqueraded` },
  ],
  [
    "the only one ends elsewhere",
    ["10.0.1.5 there ending"],
    { pod: all(5), local: "DROP", cluster: `${all(5)} masqueraded` },
  ],
  ["none serves", ["10.0.1.5 here dead", "10.0.1.6 there dead"], { pod: "REJECT", local: "REJECT", cluster: "REJECT" }],
  [
    "one that starts is no better than none",
    ["10.0.1.5 here starting", "10.0.1.6 there ending"],
    { pod: all(6), local: "DROP", cluster: `${all(6)} masqueraded` },
  ],
  [
    "one is ending in a slice and ready in another",
    ["10.0.1.5 here ending", "10.0.1.5 here ready", "10.0.1.6 here ending"],
    { pod: all(5), local: all(5), cluster: `${all(5)} masqueraded` },
  ],
  ["all are gone", [], { pod: "REJECT", local: "REJECT", cluster: "REJECT" }],
])("of endpoints, %s", (_what, endpoints, expected) => {
  const sender = (externalTrafficPolicy: string) => {
    const spec = { type: "LoadBalancer", clusterIP: "172.30.1.1", ports: [port("p80", 80)], externalTrafficPolicy };
    return cluster([serve("ns1/svc1", spec, endpoints, ["1.2.3.4"])]);
  };

  it.each(["Local", "Cluster"] as const)("external policy %s", (policy) => {
    const send = sender(policy);
    expect(send("pod", "172.30.1.1:80")).toBe(expected.pod);
    expect(send("client", "1.2.3.4:80")).toBe(policy === "Local" ? expected.local : expected.cluster);
  });

  it("internal policy Local", () => {
    const spec = { clusterIP: "172.30.1.1", internalTrafficPolicy: "Local" };
    const send = cluster([serve("ns1/svc1", spec, endpoints)]);
    expect(send("pod", "172.30.1.1:80")).toBe(expected.local);
  });
});
