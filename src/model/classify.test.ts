import { expect, it } from "vitest";
import type { Service } from "../api/index.ts";
import { type Classes, classify, plainClasses } from "./index.ts";

const proxyOnly = new Map([["proxy", "berth.dev/proxy"]]);
const one = plainClasses(proxyOnly, undefined);
const oneAndUnclassed = plainClasses(proxyOnly, "proxy");
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
}

function service({ type = "LoadBalancer", loadBalancerClass, finalizers, deleting }: Case): Service {
  return {
    metadata: {
      namespace: "default",
      name: "web",
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(deleting === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { type, ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }) },
  };
}

it.each<[string, Case, string]>([
  [
    "udp, tcp or sctp service of our class",
    { served: one, loadBalancerClass: "berth.dev/proxy" },
    `own proxy ${proxy}`,
  ],
  [
    "service with finalizer that wants LB",
    { served: one, loadBalancerClass: "berth.dev/proxy", finalizers: ["x/y", proxy] },
    `own proxy ${proxy}`,
  ],
  ["service doesn't want LB", { served: one, type: "ClusterIP" }, "ignore type"],
  ["service specifies another loadBalancerClass", { served: one, loadBalancerClass: "x.org/y" }, "ignore class"],
  ["service without class, not ours", { served: one }, "ignore unclassed"],
  ["service without class, ours", { served: oneAndUnclassed }, `own proxy ${proxy} ${shared}`],
  [
    "service without class, finalizer half there",
    { served: oneAndUnclassed, finalizers: [shared] },
    `own proxy ${proxy} ${shared}`,
  ],
  ["the class of the second provider", { served: two, loadBalancerClass: "example.com/l2" }, `own l2 ${l2}`],
  ["the second provider takes those without class", { served: two }, `own l2 ${l2} ${shared}`],
  [
    "service with finalizer that no longer wants LB",
    { served: one, type: "ClusterIP", finalizers: [proxy] },
    `cleanup type proxy: ${proxy}`,
  ],
  [
    "deleted service with finalizer",
    { served: one, loadBalancerClass: "berth.dev/proxy", finalizers: [proxy], deleting: true },
    `cleanup deleted proxy: ${proxy}`,
  ],
  [
    "deleted service whose finalizer is gone gets no finalizer again",
    { served: one, loadBalancerClass: "berth.dev/proxy", deleting: true },
    "ignore deleted",
  ],
  [
    "deleted service that only another controller holds",
    { served: oneAndUnclassed, finalizers: [shared, bgp], deleting: true },
    "ignore deleted",
  ],
  [
    "LoadBalancer -> ClusterIP -> LoadBalancer of a foreign class while we were down",
    { served: one, loadBalancerClass: "x.org/y", finalizers: [proxy] },
    `cleanup class proxy: ${proxy}`,
  ],
  [
    "LoadBalancer -> ClusterIP -> LoadBalancer without class, which is another controller's",
    { served: one, finalizers: [proxy, shared] },
    `cleanup class proxy: ${proxy}`,
  ],
  [
    "class change between two providers of ours: the old one first",
    { served: two, loadBalancerClass: "berth.dev/proxy", finalizers: [l2, shared] },
    `cleanup class l2: ${l2} ${shared}`,
  ],
  [
    "class change between two providers of ours: then the new one",
    { served: two, loadBalancerClass: "berth.dev/proxy", finalizers: [proxy] },
    `own proxy ${proxy}`,
  ],
  [
    "the shared finalizer beside the one of a classed provider is another controller's",
    { served: two, type: "ClusterIP", finalizers: [proxy, shared] },
    `cleanup type proxy: ${proxy}`,
  ],
  [
    "a provider that we do not run has to clean up itself",
    { served: one, type: "ClusterIP", finalizers: [bgp] },
    "ignore type",
  ],
  [
    "two providers hold it",
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
