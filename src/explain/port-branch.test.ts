import { expect, it } from "vitest";
import { port, slice } from "../model/testing/objects.ts";
import type { World } from "./index.ts";
import { goodWorld, http, told, untouched, withSpec } from "./testing/world.ts";

it.each<[string, World, string[]]>([
  [
    "the selector matches nothing",
    { ...goodWorld(), slices: [slice("web-1", [], [])] },
    [
      "no",
      "NO port http 80/TCP IPv4: selector app=web matches no pod that has an address; compare: kubectl get pods --show-labels --namespace ns",
      "NO port http 80/TCP IPv4: no endpoint can take traffic; see the port",
    ],
  ],
  [
    "no selector and no slices",
    { ...withSpec({ selector: {} }), slices: [] },
    [
      "no",
      "NO port http 80/TCP IPv4: the Service has no selector, and no EndpointSlice with label kubernetes.io/service-name=web has endpoints; add either",
      "NO port http 80/TCP IPv4: no endpoint can take traffic; see the port",
    ],
  ],
  [
    "no pod is ready",
    { ...goodWorld(), slices: [slice("web-1", http, [{ ip: "10.0.0.1", node: "a", ready: false }])] },
    [
      "no",
      "NO port http 80/TCP IPv4: none of 1 endpoints is ready; see why: kubectl describe pods --namespace ns --selector app=web",
      "NO endpoint 10.0.0.1:8080: it is not ready; see the pod's readiness probe and its readiness gates",
    ],
  ],
  [
    "all pods end and none serves",
    {
      ...goodWorld(),
      slices: [slice("web-1", http, [{ ip: "10.0.0.1", node: "a", ready: false, serving: false, terminating: true }])],
    },
    [
      "no",
      "NO port http 80/TCP IPv4: all 1 endpoints are terminating and none serves any more; start others",
      "NO endpoint 10.0.0.1:8080: it is terminating and serves no more; nothing to do",
    ],
  ],
  [
    "all pods end but serve",
    {
      ...goodWorld(),
      slices: [slice("web-1", http, [{ ip: "10.0.0.1", node: "a", ready: false, serving: true, terminating: true }])],
    },
    ["yes"],
  ],
  [
    "some end, others are ready",
    {
      ...goodWorld(),
      slices: [
        slice("web-1", http, [
          { ip: "10.0.0.1", node: "a", ready: false, serving: true, terminating: true },
          { ip: "10.0.0.2", node: "b" },
        ]),
      ],
    },
    ["yes", "NO endpoint 10.0.0.1:8080: it is terminating and others are ready, or on other nodes; nothing to do"],
  ],
  [
    "targetPort of no container",
    {
      ...withSpec({ ports: [port("http", 80, { targetPort: "web" })] }),
      slices: [slice("web-1", [], [{ ip: "10.0.0.1", node: "a" }])],
    },
    [
      "no",
      'NO port http 80/TCP IPv4: targetPort "web" is the name of no container port of the selected pods; name it so there, or give its number',
      "NO port http 80/TCP IPv4: no endpoint can take traffic; see the port",
    ],
  ],
  [
    "another port name in the slices",
    {
      ...withSpec({ selector: {} }),
      slices: [slice("web-1", [{ name: "web", port: 80 }], [{ ip: "10.0.0.1", node: "a" }])],
    },
    [
      "no",
      "NO port http 80/TCP IPv4: the slices have ports web TCP but not http TCP; name the port alike in Service and slices",
      "NO port http 80/TCP IPv4: no endpoint can take traffic; see the port",
    ],
  ],
  [
    "another family",
    { ...goodWorld(), slices: [slice("web-1", http, [{ ip: "fd00::1", node: "a" }])] },
    [
      "no",
      "NO port http 80/TCP IPv4: endpoints have no IPv4 address; give the pods one, or take IPv4 out of spec.ipFamilies",
      "NO port http 80/TCP IPv4: no endpoint can take traffic; see the port",
    ],
  ],
  [
    "an external IP that is none",
    withSpec({ externalIPs: ["203.0.113.300"] }),
    ["no", 'NO frontend ExternalIP 80/TCP: "203.0.113.300" is no address; correct the Service'],
  ],
  [
    "ExternalName",
    withSpec(
      {
        type: "ExternalName",
        externalName: "example.com",
        clusterIP: undefined,
        clusterIPs: undefined,
        loadBalancerClass: undefined,
      },
      { metadata: { namespace: "ns", name: "web" }, ...untouched },
    ),
    [
      "yes",
      "NO class (none): the Service is of type ExternalName, so it wants no load balancer; set spec.type: LoadBalancer for one",
    ],
  ],
  [
    "headless without a ready endpoint",
    {
      ...withSpec(
        { type: "ClusterIP", clusterIP: "None", clusterIPs: ["None"] },
        { metadata: { namespace: "ns", name: "web" }, ...untouched },
      ),
      slices: [slice("web-1", http, [{ ip: "10.0.0.1", ready: false }])],
    },
    [
      "no",
      "NO class berth.dev/proxy: the Service is of type ClusterIP, so it wants no load balancer; set spec.type: LoadBalancer for one",
      "NO headless ns/web: none of 1 endpoints is ready; see their pods",
    ],
  ],
  [
    "without a ClusterIP",
    withSpec({ clusterIP: "", clusterIPs: [] }),
    ["no", "NO address (none): the Service has no ClusterIP; see its events, and whether its range is used up"],
  ],
])("%s", (_, world, expected) => {
  expect(told(world)).toEqual(expected);
});
