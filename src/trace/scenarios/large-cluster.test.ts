import { beforeAll, expect, it } from "vitest";
import { serve } from "../testing/scenario.ts";
import { SyncedNode } from "../testing/synced-node.ts";

const addresses = (n: number, net: number): string[] =>
  Array.from({ length: n }, (_, i) => `10.${net}.${Math.trunc(i / 250)}.${(i % 250) + 1}`);

let node: SyncedNode;

/** How many rules lead to an endpoint, and how many of these, and of the choices before them, have a comment. */
function comments(): { readonly endpoints: number; readonly commented: number } {
  const rules = node.kernel
    .save()
    .split("\n")
    .filter((line) => /-j (DNAT|KUBE-SEP-)/.test(line));
  return {
    endpoints: rules.filter((line) => line.includes("-j DNAT")).length,
    commented: rules.filter((line) => line.includes("--comment")).length,
  };
}

// The cases are steps: each goes on from the state that the one before it left.
beforeAll(async () => {
  node = new SyncedNode();
  node.set(
    serve("ns1/svc1", { clusterIP: "172.30.0.41" }, addresses(499, 1)),
    serve("ns2/svc2", { clusterIP: "172.30.0.42" }, addresses(499, 2)),
    serve("ns3/svc3", { clusterIP: "172.30.0.43" }, []),
  );
  await node.sync();
});

it("has comments up to 1,000 endpoints", async () => {
  expect(comments()).toEqual({ endpoints: 998, commented: 2 * 998 });
  node.set(serve("ns3/svc3", { clusterIP: "172.30.0.43" }, addresses(2, 3)));
  await node.sync();
  expect(comments()).toEqual({ endpoints: 1000, commented: 2000 });
});

it("leaves them all out above, at once, and changes nothing else", async () => {
  node.set(serve("ns3/svc3", { clusterIP: "172.30.0.43" }, addresses(3, 3)));
  await node.sync();
  expect(comments()).toEqual({ endpoints: 1001, commented: 0 });
  expect(node.send("pod", "172.30.0.43:80")).toBe("10.3.0.1:80, 10.3.0.2:80, 10.3.0.3:80");
  expect(node.send("pod", "172.30.0.41:80").split(", ")).toHaveLength(499);
  expect(node.send("10.3.0.1", "172.30.0.43:80")).toMatch(/ masqueraded$/);
});

it("still writes only what changes, and deletes what is left over at once", async () => {
  node.set(serve("ns4/svc4", { clusterIP: "172.30.0.44" }, ["10.4.0.1"]));
  await node.sync();
  expect(await node.rules("nat")).toMatchObject({ written: 2 + 2 + 5 });
  expect(node.send("pod", "172.30.0.44:80")).toBe("10.4.0.1:80");
  node.delete("ns4/svc4");
  await node.sync();
  expect(node.kernel.restores.at(-1)?.match(/^-X KUBE-(SVC|SEP)-/gm)).toHaveLength(2);
  expect(await node.rules("nat")).toMatchObject({ written: 4 });
});

it("gives the comments back below", async () => {
  node.set(serve("ns3/svc3", { clusterIP: "172.30.0.43" }, addresses(1, 3)));
  await node.sync();
  expect(comments()).toEqual({ endpoints: 999, commented: 2 * 999 });
});
