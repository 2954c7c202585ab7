import { expect, it } from "vitest";
import type { World } from "./index.ts";
import {
  address,
  ago,
  condition,
  goodWorld,
  told,
  untouched,
  webService,
  withClass,
  withMetadata,
  withSpec,
} from "./testing/world.ts";

it.each<[string, World, string[]]>([
  [
    "not of type LoadBalancer",
    withSpec(
      { type: "ClusterIP", loadBalancerClass: undefined },
      { metadata: { namespace: "ns", name: "web" }, ...untouched },
    ),
    [
      "yes",
      "NO class (none): the Service is of type ClusterIP, so it wants no load balancer; set spec.type: LoadBalancer for one",
    ],
  ],
  [
    "type changed, provider still holds it",
    withSpec({ type: "ClusterIP" }),
    [
      "yes",
      "NO class berth.dev/proxy: the Service is no longer of type LoadBalancer, and provider proxy still has to remove what it made; let a controller that runs proxy do so",
    ],
  ],
  [
    "being deleted, held by others",
    withMetadata({ deletionTimestamp: ago(5), finalizers: ["example.com/x"] }),
    [
      "no",
      "NO class berth.dev/proxy: the Service is being deleted since 2026-01-01T11:59:55.000Z and waits for example.com/x; check that their controllers run",
    ],
  ],
  [
    "being deleted, held by us",
    withMetadata({ deletionTimestamp: ago(5) }),
    [
      "no",
      "NO class berth.dev/proxy: the Service is being deleted, and provider proxy still has to remove what it made; let a controller that runs proxy do so",
    ],
  ],
  [
    "class of another controller, no address",
    withSpec(
      { loadBalancerClass: "service.k8s.aws/nlb" },
      { ...untouched, metadata: { namespace: "ns", name: "web" } },
    ),
    [
      "no",
      "NO class service.k8s.aws/nlb: class service.k8s.aws/nlb is unknown to Berth; check that the AWS Load Balancer Controller runs (ns/web has no address from it), or make the Service anew with a class of berth.dev/proxy, berth.dev/node, berth.dev/aws-nlb, berth.dev/gcp-l4, berth.dev/l2, berth.dev/bgp",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
    ],
  ],
  [
    "class of another controller that serves",
    withSpec(
      { loadBalancerClass: "service.k8s.aws/nlb" },
      { status: { loadBalancer: { ingress: address } }, metadata: { namespace: "ns", name: "web" } },
    ),
    ["yes"],
  ],
  [
    "class that nobody knows",
    withSpec({ loadBalancerClass: "example.com/x" }, { ...untouched, metadata: { namespace: "ns", name: "web" } }),
    [
      "no",
      "NO class example.com/x: class example.com/x is unknown to Berth; check that the controller of example.com/x runs (ns/web has no address from it), or make the Service anew with a class of berth.dev/proxy, berth.dev/node, berth.dev/aws-nlb, berth.dev/gcp-l4, berth.dev/l2, berth.dev/bgp",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
    ],
  ],
  [
    "no class, a cloud's controller",
    withSpec(
      { loadBalancerClass: undefined },
      {
        ...untouched,
        metadata: { namespace: "ns", name: "web", finalizers: ["service.kubernetes.io/load-balancer-cleanup"] },
      },
    ),
    [
      "no",
      "NO class (none): the Service names no class, and none of Berth's is the default; check that the service controller of a cloud provider runs (ns/web has no address from it), or make the Service anew with a class of berth.dev/proxy, berth.dev/node, berth.dev/aws-nlb, berth.dev/gcp-l4, berth.dev/l2, berth.dev/bgp",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
    ],
  ],
  [
    "no class, nobody",
    withSpec({ loadBalancerClass: undefined }, { ...untouched, metadata: { namespace: "ns", name: "web" } }),
    [
      "no",
      "NO class (none): the Service names no class, and none of Berth's is the default; check that the controller that takes Services without a class runs (ns/web has no address from it), or make the Service anew with a class of berth.dev/proxy, berth.dev/node, berth.dev/aws-nlb, berth.dev/gcp-l4, berth.dev/l2, berth.dev/bgp",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
    ],
  ],
  [
    "no class, the default is ours",
    { ...withSpec({ loadBalancerClass: undefined }), ...withClass({ isDefault: true }) },
    ["yes"],
  ],
  ["a class of the controller's flags", withSpec({ loadBalancerClass: "shop.example/own" }), ["yes"]],
  [
    "a class that may not be read",
    { ...withSpec({ loadBalancerClass: "shop.example/own" }), classes: { unread: "C" } },
    ["yes", "? not read classes: C"],
  ],
  [
    "a class that may not be read, which nobody has taken up",
    {
      ...withMetadata({ finalizers: [] }, { ...untouched, spec: { ...webService().spec, loadBalancerClass: "x/y" } }),
      classes: { unread: "C" },
    },
    [
      "no",
      "? class x/y: whether a LoadBalancerClass takes it cannot be told: C",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
      "? not read classes: C",
    ],
  ],
  [
    "held for a class of another provider",
    withSpec({ loadBalancerClass: "berth.dev/node" }),
    [
      "no",
      "NO class berth.dev/node: the Service had another class before, and provider proxy still has to remove what it made; let a controller that runs proxy do so",
    ],
  ],
  [
    "two objects of one class, the older counts",
    {
      ...goodWorld(),
      classes: [
        {
          metadata: { name: "young", creationTimestamp: ago(5) },
          spec: { loadBalancerClass: "berth.dev/proxy", node: {} },
        },
        {
          metadata: { name: "old", creationTimestamp: ago(9) },
          spec: { loadBalancerClass: "berth.dev/proxy", proxy: {} },
        },
      ],
    },
    ["yes"],
  ],
  [
    "no controller took it up",
    withMetadata({ finalizers: [] }, untouched),
    [
      "no",
      "NO class berth.dev/proxy: no controller has taken it up; run 'berth controller --provider proxy', or see its log",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
    ],
  ],
  [
    "no controller took it up yet",
    withMetadata({ finalizers: [], creationTimestamp: ago(4) }, untouched),
    [
      "no",
      "? class berth.dev/proxy: no controller has taken it up in its first 4 s; ask again, or run 'berth controller --provider proxy', or see its log",
      "NO address (none): pending, nobody said why; see the class, and the log of its controller",
    ],
  ],
  [
    "class not accepted",
    {
      ...goodWorld(),
      ...withClass(
        {},
        { status: { conditions: [condition("Accepted", "False", "Conflict", "the class exists twice")] } },
      ),
    },
    [
      "no",
      "NO class berth.dev/proxy: LoadBalancerClass shop is not accepted: Conflict: the class exists twice; change it",
    ],
  ],
  [
    "namespace not allowed",
    { ...goodWorld(), ...withClass({ allowedNamespaces: { matchLabels: { team: "x" } } }) },
    [
      "no",
      "NO class berth.dev/proxy: namespace ns is none that allowedNamespaces of LoadBalancerClass shop selects; label it, or take another class",
    ],
  ],
])("%s", (_, world, expected) => {
  expect(told(world)).toEqual(expected);
});
