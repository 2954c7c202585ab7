import { expect, it } from "vitest";
import type { Service } from "../api/index.ts";
import { type Classes, classify, plainClasses } from "./index.ts";

const proxyOnly = new Map([["proxy", "berth.dev/proxy"]]);
const one = plainClasses(proxyOnly, undefined);
const oneAndUnclassed = plainClasses(proxyOnly, "proxy");
const defaultMoved = plainClasses(
  new Map([
    ["proxy", "berth.dev/proxy"],
    ["l2", "example.com/l2"],
  ]),
  "proxy",
);
const two = plainClasses(
  new Map([
    ["proxy", "berth.dev/proxy"],
    ["l2", "example.com/l2"],
  ]),
  "l2",
);

const proxy = "proxy.berth.dev/resources";
const l2 = "l2.berth.dev/resources";
const bgp = "bgp.berth.dev/resources";
const shared = "service.kubernetes.io/load-balancer-cleanup";

interface Case {
  served: Classes;
  type?: string;
  loadBalancerClass?: string;
  finalizers?: string[];
  deleting?: boolean;
  conditions?: string[];
}

function service({ type = "LoadBalancer", loadBalancerClass, finalizers, deleting, conditions = [] }: Case): Service {
  return {
    metadata: {
      namespace: "default",
      name: "web",
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(deleting === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { type, ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }) },
    status: {
      conditions: conditions.map((name) => ({
        type: name,
        status: "True",
        reason: "",
        message: "",
        lastTransitionTime: "",
      })),
    },
  };
}

it.each<[string, Case, string]>([
  // Rows of the reference's feature table 1a.
  ["row 1: service without class, not ours", { served: one }, "ignore unclassed"],
  ["row 1: service without class, ours", { served: oneAndUnclassed }, `own proxy ${proxy} ${shared}`],
  [
    "row 1, TestNeedsCleanup: service without finalizer that doesn't want LB",
    { served: one, type: "ClusterIP" },
    "ignore type",
  ],
  ["row 1: the second provider takes those without class", { served: two }, `own l2 ${l2} ${shared}`],
  [
    "row 2: udp, tcp or sctp service of our class",
    { served: one, loadBalancerClass: "berth.dev/proxy" },
    `own proxy ${proxy}`,
  ],
  ["row 2: service specifies another loadBalancerClass", { served: one, loadBalancerClass: "x.org/y" }, "ignore class"],
  [
    "row 2: service specifies another loadBalancerClass, and those without one are ours",
    { served: oneAndUnclassed, loadBalancerClass: "x.org/y" },
    "ignore class",
  ],
  [
    "row 2: a class that ours is the beginning of",
    { served: one, loadBalancerClass: "berth.dev/proxy2" },
    "ignore class",
  ],
  ["row 2: the class of the second provider", { served: two, loadBalancerClass: "example.com/l2" }, `own l2 ${l2}`],
  [
    "row 3: the class is wiped with the type, who cleans up is told by the finalizer",
    { served: one, type: "ClusterIP", finalizers: [proxy] },
    `cleanup type proxy: ${proxy}`,
  ],
  [
    "row 4: an empty class is a class, and nobody's",
    { served: oneAndUnclassed, loadBalancerClass: "" },
    "ignore class",
  ],
  [
    "row 5, TestNeedsCleanup: service with finalizer with timestamp: a cleanup that a crash cut short goes on",
    { served: one, loadBalancerClass: "berth.dev/proxy", finalizers: [proxy], deleting: true },
    `cleanup deleted proxy: ${proxy}`,
  ],
  [
    "row 6, TestNeedsCleanup: service with finalizer without timestamp without LB",
    { served: one, type: "NodePort", finalizers: [proxy] },
    `cleanup type proxy: ${proxy}`,
  ],
  ["row 7: a deleted service that nobody holds", { served: one, deleting: true }, "ignore deleted"],
  [
    "row 8, CCM bug: class and finalizer together were no cleanup: LoadBalancer -> ClusterIP -> LoadBalancer of a foreign class while we were down",
    { served: one, loadBalancerClass: "x.org/y", finalizers: [proxy] },
    `cleanup class proxy: ${proxy}`,
  ],
  [
    "row 8: the same without a class, which is another controller's",
    { served: one, finalizers: [proxy, shared] },
    `cleanup class proxy: ${proxy}`,
  ],
  [
    "row 8: class change between two providers of ours: the old one first",
    { served: two, loadBalancerClass: "berth.dev/proxy", finalizers: [l2, shared] },
    `cleanup class l2: ${l2} ${shared}`,
  ],
  [
    "row 8: class change between two providers of ours: then the new one",
    { served: two, loadBalancerClass: "berth.dev/proxy", finalizers: [proxy] },
    `own proxy ${proxy}`,
  ],
  [
    "row 9, TestNeedsCleanup: service with finalizer without timestamp with LB",
    { served: one, loadBalancerClass: "berth.dev/proxy", finalizers: ["x/y", proxy] },
    `own proxy ${proxy}`,
  ],
  [
    "row 9: service without class, finalizer half there",
    { served: oneAndUnclassed, finalizers: [shared] },
    `own proxy ${proxy} ${shared}`,
  ],
  [
    "row 10, CCM bug: deletionTimestamp without finalizer went to ensure: such a service gets no finalizer again",
    { served: one, loadBalancerClass: "berth.dev/proxy", deleting: true },
    "ignore deleted",
  ],
  [
    "row 10: the same without a class",
    { served: oneAndUnclassed, deleting: true, conditions: ["berth.dev/Accepted"] },
    "ignore deleted",
  ],
  [
    "row 10: deletion comes before the type",
    { served: one, type: "ClusterIP", finalizers: [proxy], deleting: true },
    `cleanup deleted proxy: ${proxy}`,
  ],
  [
    "row 10: deletion comes before the class",
    { served: one, loadBalancerClass: "x.org/y", finalizers: [proxy], deleting: true },
    `cleanup deleted proxy: ${proxy}`,
  ],
  [
    "row 10: the class comes before the type of a foreign service",
    { served: one, type: "ClusterIP", loadBalancerClass: "x.org/y" },
    "ignore type",
  ],
  [
    "row 11: both finalizers go together",
    { served: oneAndUnclassed, finalizers: [proxy, shared], deleting: true },
    `cleanup deleted proxy: ${proxy} ${shared}`,
  ],
  [
    "row 12: deleted service that only another controller holds",
    { served: oneAndUnclassed, finalizers: [shared, bgp], deleting: true, conditions: ["berth.dev/Accepted"] },
    "ignore deleted",
  ],
  [
    "row 12: the shared finalizer beside the one of a classed provider is another controller's",
    { served: two, type: "ClusterIP", finalizers: [proxy, shared] },
    `cleanup type proxy: ${proxy}`,
  ],
  [
    "row 12, CCM bug: the shared finalizer of a classed service was removed: it is not ours to take while those without a class are not",
    { served: one, loadBalancerClass: "berth.dev/proxy", finalizers: [proxy, shared], deleting: true },
    `cleanup deleted proxy: ${proxy}`,
  ],
  [
    "row 12: the default class is another provider's since: the shared finalizer goes with the old one's",
    { served: defaultMoved, finalizers: [l2, shared], deleting: true },
    `cleanup deleted l2: ${l2} ${shared}`,
  ],
  [
    "row 12: the same while a provider that we do not run still holds it",
    { served: defaultMoved, finalizers: [l2, bgp, shared], deleting: true },
    `cleanup deleted l2: ${l2}`,
  ],
  [
    "row 12: a provider that we do not run has to clean up itself",
    { served: one, type: "ClusterIP", finalizers: [bgp] },
    "ignore type",
  ],
  [
    "row 13: own finalizer taken off, deleted, the shared one left: ours, say its conditions",
    { served: oneAndUnclassed, finalizers: [shared], deleting: true, conditions: ["x/y", "berth.dev/Accepted"] },
    `cleanup deleted proxy: ${shared}`,
  ],
  [
    "row 13: the same after a type change",
    { served: oneAndUnclassed, type: "ClusterIP", finalizers: ["x/y", shared], conditions: ["berth.dev/Accepted"] },
    `cleanup type proxy: ${shared}`,
  ],
  [
    "row 13: the same of another controller",
    { served: oneAndUnclassed, finalizers: [shared], deleting: true, conditions: ["LoadBalancerPortsError"] },
    "ignore deleted",
  ],
  [
    "row 13: the same of a foreign class",
    {
      served: oneAndUnclassed,
      loadBalancerClass: "x.org/y",
      finalizers: [shared],
      deleting: true,
      conditions: ["berth.dev/Accepted"],
    },
    "ignore deleted",
  ],
  [
    "row 13: the same while those without class are not ours",
    { served: one, finalizers: [shared], deleting: true, conditions: ["berth.dev/Accepted"] },
    "ignore deleted",
  ],
  [
    "row 16: two providers hold what is of another type now",
    { served: two, type: "NodePort", finalizers: [l2, proxy, shared] },
    `cleanup type proxy l2: ${proxy} ${l2} ${shared}`,
  ],
])("%s", (_, input, expected) => {
  const found = classify(service(input), input.served);
  const text =
    found.kind === "own"
      ? ["own", found.policy.provider, ...found.finalizers].join(" ")
      : found.kind === "cleanup"
        ? `cleanup ${found.cause} ${found.providers.join(" ")}: ${found.finalizers.join(" ")}`
        : `ignore ${found.cause}`;
  expect(text).toBe(expected);
});
