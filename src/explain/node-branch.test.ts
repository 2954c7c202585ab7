import { expect, it } from "vitest";
import { node, slice } from "../model/testing/objects.ts";
import type { World } from "./index.ts";
import { ago, goodWorld, http, lease, record, told, withClass, withMetadata, withSpec } from "./testing/world.ts";

it.each<[string, World, string[]]>([
  ["no nodes", { ...goodWorld(), nodes: [] }, ["no", "NO nodes: the cluster has no nodes; add one"]],
  [
    "a node left out by its label",
    {
      ...goodWorld(),
      nodes: [
        node("a"),
        { metadata: { name: "b", labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } } },
      ],
    },
    [
      "yes",
      "NO target of load balancers: its label node.kubernetes.io/exclude-from-external-load-balancers leaves it out; remove the label if it should take traffic",
    ],
  ],
  [
    "all nodes left out",
    {
      ...goodWorld(),
      nodes: [
        { metadata: { name: "a", deletionTimestamp: ago(3) } },
        { metadata: { name: "b" }, spec: { taints: [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }] } },
      ],
    },
    [
      "no",
      "NO target of load balancers: the Node is being deleted; nothing to do if it is to go",
      "NO target of load balancers: its taint karpenter.sh/disrupted says that it is about to go; nothing to do if it is",
    ],
  ],
  [
    "a node that the class does not select",
    { ...goodWorld(), ...withClass({ nodeSelector: { matchLabels: { "topology.kubernetes.io/zone": "zone-a" } } }) },
    [
      "yes",
      "NO target of load balancers: spec.nodeSelector of the LoadBalancerClass does not select it; label the node if it should take traffic",
    ],
  ],
  [
    "a node that the Service does not select",
    withMetadata({ annotations: { "berth.dev/node-selector": "topology.kubernetes.io/zone!=zone-b" } }),
    [
      "yes",
      "NO target of load balancers: berth.dev/node-selector, of the Service or of its class, does not select it; change it, or label the node",
    ],
  ],
  [
    "policy Local without a local endpoint",
    {
      ...withSpec({ externalTrafficPolicy: "Local" }),
      slices: [slice("web-1", http, [{ ip: "10.0.0.1", node: "a" }])],
    },
    [
      "yes",
      "NO port http 80/TCP IPv4: externalTrafficPolicy is Local and no usable endpoint is on this node, so load balancers leave it out; run a pod here, or let other nodes do it",
    ],
  ],
  [
    "internal policy Local without a local endpoint",
    {
      ...withSpec({ internalTrafficPolicy: "Local" }),
      slices: [slice("web-1", http, [{ ip: "10.0.0.1", node: "a" }])],
    },
    [
      "yes",
      "NO port http 80/TCP IPv4: internalTrafficPolicy is Local and no usable endpoint is on this node, so its pods reach nobody; run a pod on each node, or use Cluster",
    ],
  ],
  [
    "hints for zones",
    {
      ...goodWorld(),
      slices: [
        slice("web-1", http, [
          { ip: "10.0.0.1", node: "a", zones: ["zone-a"] },
          { ip: "10.0.0.2", node: "b", zones: ["zone-b"] },
        ]),
      ],
    },
    [
      "yes",
      "NO endpoint 10.0.0.2:8080: its hint is for zone zone-b, and the node is in zone-a; nothing to do, or change spec.trafficDistribution",
      "NO endpoint 10.0.0.1:8080: its hint is for zone zone-a, and the node is in zone-b; nothing to do, or change spec.trafficDistribution",
    ],
  ],
  [
    "an agent that is silent",
    { ...goodWorld(), leases: [lease("a"), lease("b", {}, 120)] },
    ["no", "NO agent: it has been silent for 120 s by the clock here; see its pod on the node, and this clock"],
  ],
  [
    "an agent that is silent on a node that goes",
    {
      ...goodWorld(),
      nodes: [node("a"), { metadata: { name: "b", deletionTimestamp: ago(3) } }],
      leases: [lease("a"), lease("b", {}, 120)],
    },
    [
      "yes",
      "NO target of load balancers: the Node is being deleted; nothing to do if it is to go",
      "NO agent: it has been silent for 120 s by the clock here; see its pod on the node, and this clock",
    ],
  ],
  [
    "agents of another proxy's Services",
    {
      ...withMetadata({ labels: { "service.kubernetes.io/service-proxy-name": "mine" } }),
      leases: [lease("a"), lease("b"), { ...lease("b", {}, 99), metadata: { name: "berth-agent.kube2.b" } }],
    },
    [
      "no",
      "? agent: no agent of Berth reports for this node, though one does for others; start one, unless another proxy serves it",
      "NO agent: it has been silent for 99 s by the clock here; see its pod on the node, and this clock",
    ],
  ],
  [
    "another proxy's Service, which no agent serves",
    withMetadata({ labels: { "service.kubernetes.io/service-proxy-name": "mine" } }),
    ["yes"],
  ],
  [
    "an agent that is missing",
    { ...goodWorld(), leases: [lease("a")] },
    [
      "yes",
      "? agent: no agent of Berth reports for this node, though one does for others; start one, unless another proxy serves it",
    ],
  ],
  [
    "an agent whose report cannot be read",
    {
      ...goodWorld(),
      leases: [
        lease("a"),
        { ...lease("b"), metadata: { name: "berth-agent-b", annotations: { "berth.dev/report": "{" } } },
      ],
    },
    ["yes", "? agent: its report cannot be read; use berth of the agent's version"],
  ],
  [
    "an agent without rules in the kernel",
    { ...goodWorld(), leases: [lease("a"), lease("b", { programmed: {} })] },
    ["no", "NO agent: its IPv4 rules are not in the kernel; see the agent's log"],
  ],
  [
    "a frontend refused by an agent",
    {
      ...goodWorld(),
      leases: [
        lease("a"),
        lease("b", {
          refused: [
            {
              service: "ns/web",
              frontend: "LoadBalancerIP 203.0.113.7:22/TCP",
              why: "the node needs this port on its own address",
            },
            { service: "ns/other", frontend: "x", why: "y" },
          ],
        }),
      ],
    },
    [
      "no",
      "NO frontend LoadBalancerIP 203.0.113.7:22/TCP: the agent refuses it: the node needs this port on its own address; use another port or another address",
    ],
  ],
  [
    "a frontend that another Service has",
    {
      ...goodWorld(),
      leases: [
        lease("a"),
        lease("b", {
          refused: [
            {
              service: "ns/web",
              frontend: "ExternalIP 203.0.113.7:80/TCP",
              why: "Service ns/other has it and is older",
            },
          ],
        }),
      ],
    },
    [
      "no",
      "NO frontend ExternalIP 203.0.113.7:80/TCP: the agent refuses it: Service ns/other has it and is older; change the port or the address of one of the two",
    ],
  ],
  [
    "rules that the kernel refuses",
    {
      ...goodWorld(),
      leases: [lease("a"), lease("b", { isolated: [{ service: "ns/web", family: "IPv4", why: "line 3 failed" }] })],
    },
    ["no", "NO rules IPv4: the kernel refuses the rules of the Service: line 3 failed; see the agent's log"],
  ],
  [
    "a node that health checks do not reach",
    {
      ...goodWorld(),
      ...record({ targets: { ready: 1, total: 2, unhealthy: [{ node: "b", reason: "connection refused" }] } }),
    },
    [
      "no",
      "NO health check: the load balancer does not reach it: connection refused; see what http://NODE:10256/healthz answers, and firewalls on the way",
    ],
  ],
])("%s", (_, world, expected) => {
  expect(told(world)).toEqual(expected);
});
