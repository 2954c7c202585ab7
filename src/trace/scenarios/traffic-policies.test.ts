import { describe, expect, it } from "vitest";
import { port } from "../../model/testing/objects.ts";
import { cluster, serve } from "../testing/scenario.ts";

const spec = {
  type: "LoadBalancer",
  clusterIP: "172.30.0.41",
  externalIPs: ["192.168.99.11"],
  ports: [port("p80", 80, { nodePort: 3001 })],
};
const both = "10.180.0.1:80, 10.180.2.1:80";
const here = "10.180.2.1:80";

function exposed(policies: object, endpoints = ["10.180.0.1 there", "10.180.2.1 here"]) {
  return cluster([serve("ns1/svc1", { ...spec, ...policies }, endpoints, ["1.2.3.4"])]);
}

describe("external policy Local", () => {
  const send = exposed({ externalTrafficPolicy: "Local", healthCheckNodePort: 30000 });

  it.each([
    ["pod", "172.30.0.41:80", both],
    ["pod", "192.168.99.11:80", both],
    ["client", "192.168.99.11:80", here],
    ["pod", "1.2.3.4:80", both],
    ["client", "1.2.3.4:80", here],
    ["pod", "node:3001", both],
    ["client", "node:3001", here],
    ["node", "1.2.3.4:80", `${both} masqueraded`],
    ["node", "192.168.99.11:80", `${both} masqueraded`],
    ["node", "node:3001", `${both} masqueraded`],
    ["second address", "node:3001", `${both} masqueraded`],
    // The only endpoint here asks for itself.
    ["10.180.2.1", "1.2.3.4:80", `${both} masqueraded`],
  ])("%s to %s", (from, to, result) => {
    expect(send(from, to)).toBe(result);
  });

  it.each([
    ["client", "1.2.3.4:80", "DROP"],
    ["client", "192.168.99.11:80", "DROP"],
    ["client", "node:3001", "DROP"],
    ["client", "second address:3001", "DROP"],
    ["pod", "1.2.3.4:80", "10.180.0.1:80"],
    ["pod", "node:3001", "10.180.0.1:80"],
    ["node", "1.2.3.4:80", "10.180.0.1:80 masqueraded"],
    ["node", "node:3001", "10.180.0.1:80 masqueraded"],
    ["pod", "172.30.0.41:80", "10.180.0.1:80"],
  ])("without an endpoint here: %s to %s", (from, to, result) => {
    const remote = exposed({ externalTrafficPolicy: "Local" }, ["10.180.0.1 there"]);
    expect(remote(from, to)).toBe(result);
  });
});

describe("external policy Cluster", () => {
  const send = exposed({ externalTrafficPolicy: "Cluster" });

  it.each([
    ["pod", "172.30.0.41:80", both],
    ["pod", "192.168.99.11:80", `${both} masqueraded`],
    ["client", "192.168.99.11:80", `${both} masqueraded`],
    ["pod", "1.2.3.4:80", `${both} masqueraded`],
    ["client", "1.2.3.4:80", `${both} masqueraded`],
    ["pod", "node:3001", `${both} masqueraded`],
    ["client", "node:3001", `${both} masqueraded`],
  ])("%s to %s", (from, to, result) => {
    expect(send(from, to)).toBe(result);
  });
});

describe("internal policy", () => {
  it.each<[string, string, string[], string]>([
    [
      "Cluster: all",
      "Cluster",
      ["10.0.1.1 here", "10.0.1.2 there", "10.0.1.3 there"],
      "10.0.1.1:80, 10.0.1.2:80, 10.0.1.3:80",
    ],
    ["Local: the one that is here", "Local", ["10.0.1.1 here", "10.0.1.2 there", "10.0.1.3 there"], "10.0.1.1:80"],
    [
      "Local: all that are here",
      "Local",
      ["10.0.1.1 here", "10.0.1.2 here", "10.0.1.3 there"],
      "10.0.1.1:80, 10.0.1.2:80",
    ],
    ["Local: none is here", "Local", ["10.0.1.1 there", "10.0.1.2 there", "10.0.1.3"], "DROP"],
    ["Local: none is anywhere", "Local", [], "REJECT"],
    ["Cluster: none is anywhere", "Cluster", [], "REJECT"],
  ])("%s", (_what, internalTrafficPolicy, endpoints, result) => {
    const send = exposed({ internalTrafficPolicy }, endpoints);
    expect(send("pod", "172.30.0.41:80")).toBe(result);
  });

  it("says nothing of what comes from outside", () => {
    const send = exposed({ internalTrafficPolicy: "Local" }, ["10.0.1.1 there", "10.0.1.2 there"]);
    const all = "10.0.1.1:80, 10.0.1.2:80 masqueraded";
    for (const to of ["1.2.3.4:80", "192.168.99.11:80", "node:3001"]) expect(send("client", to)).toBe(all);
  });

  it("goes together with external policy Local", () => {
    const send = exposed({ internalTrafficPolicy: "Local", externalTrafficPolicy: "Local" });
    expect(send("pod", "172.30.0.41:80")).toBe(here);
    expect(send("client", "1.2.3.4:80")).toBe(here);
    expect(send("pod", "1.2.3.4:80")).toBe(both);
    const remote = exposed({ internalTrafficPolicy: "Local", externalTrafficPolicy: "Local" }, ["10.180.0.1 there"]);
    expect(remote("pod", "172.30.0.41:80")).toBe("DROP");
    expect(remote("client", "1.2.3.4:80")).toBe("DROP");
    expect(remote("pod", "1.2.3.4:80")).toBe("10.180.0.1:80");
  });
});
