import { expect, it } from "vitest";
import type { World } from "./index.ts";
import {
  address,
  ago,
  condition,
  record,
  told,
  withClass,
  withMetadata,
  withSpec,
  withStatus,
} from "./testing/world.ts";

it.each<[string, World, string[]]>([
  [
    "refused by the controller",
    withStatus([condition("berth.dev/Accepted", "False", "AddressInUse", "203.0.113.7 belongs to ns/other")], []),
    [
      "no",
      "NO condition Accepted: AddressInUse: 203.0.113.7 belongs to ns/other; change the Service, or its class",
      "NO address (none): pending: AddressInUse: 203.0.113.7 belongs to ns/other; change the Service, or its class",
    ],
  ],
  [
    "address pending, the provider works",
    withStatus(
      [
        condition("berth.dev/Accepted", "True", "Accepted", ""),
        condition("berth.dev/Programmed", "False", "Pending", "the balancer starts"),
      ],
      [],
      record({ nextTryAt: ago(-5) }),
    ),
    [
      "no",
      "NO condition Programmed: Pending: the balancer starts; the controller goes on by itself; its log and the events of the Service say more; the next try is at 2026-01-01T12:00:05.000Z",
      "NO address (none): pending: Pending: the balancer starts; the controller goes on by itself; its log and the events of the Service say more; the next try is at 2026-01-01T12:00:05.000Z",
    ],
  ],
  [
    "address pending, the Record says why",
    withStatus([], [], record({ awaiting: { what: "an address", reason: "PoolExhausted", since: ago(5) } })),
    ["no", "NO address (none): pending: it waits for an address (PoolExhausted); it goes on by itself"],
  ],
  [
    "address pending, the last error says why",
    withStatus(
      [],
      [],
      record({
        lastError: { kind: "Quota", reason: "QuotaExceeded", message: "no more load balancers", at: ago(5) },
        nextTryAt: ago(-5),
      }),
    ),
    [
      "no",
      "NO address (none): pending: QuotaExceeded: no more load balancers; the next try is at 2026-01-01T12:00:05.000Z",
    ],
  ],
  [
    "address pending, an event says why",
    withStatus([], [], {
      events: [
        {
          metadata: { name: "e" },
          type: "Warning",
          reason: "SyncLoadBalancerFailed",
          note: "no answer",
          eventTime: ago(7),
          regarding: { uid: "ns/web" },
        },
        {
          metadata: { name: "f" },
          type: "Warning",
          reason: "SyncLoadBalancerFailed",
          note: "of another of the same name",
          eventTime: ago(3),
          regarding: { uid: "gone" },
        },
        { metadata: { name: "g" }, type: "Warning", reason: "Old", note: "older", eventTime: ago(70) },
      ],
    }),
    [
      "no",
      "NO address (none): pending, SyncLoadBalancerFailed: no answer; see the class, and the log of its controller",
    ],
  ],
  [
    "no healthy target",
    withStatus([condition("berth.dev/Ready", "False", "NoHealthyTargets", "no node passes its health check")], address),
    ["no", "NO condition Ready: NoHealthyTargets: no node passes its health check; see the nodes"],
  ],
  [
    "degraded only",
    withStatus([condition("berth.dev/Degraded", "True", "UnknownAnnotation", "a typo")], address),
    ["yes", "NO condition Degraded: UnknownAnnotation: a typo; all else is served; change what it names if it matters"],
  ],
  [
    "condition unknown",
    withStatus([condition("berth.dev/Ready", "Unknown", "NoAnswer", "")], address),
    ["unknown", "? condition Ready: NoAnswer; see the nodes"],
  ],
  [
    "a port in use elsewhere",
    withStatus(
      [condition("LoadBalancerPortsError", "True", "PortInUse", "80 is taken")],
      [{ ip: "203.0.113.7", ports: [{ port: 80, protocol: "TCP", error: "berth.dev/PortInUse" }] }],
    ),
    [
      "no",
      "NO condition LoadBalancerPortsError: PortInUse: 80 is taken; choose other ports",
      "NO port 80/TCP: berth.dev/PortInUse; choose another port, or see the conditions",
    ],
  ],
  [
    "paused",
    withMetadata({ annotations: { "berth.dev/paused": "true" } }),
    [
      "yes",
      "NO annotation berth.dev/paused: nothing is done for the Service, not even its deletion; take the annotation away to go on",
    ],
  ],
  [
    "an annotation with a typing error",
    withMetadata({ annotations: { "berth.dev/shceme": "internal" } }),
    [
      "yes",
      "NO annotation: metadata.annotations[berth.dev/shceme]: it means nothing to Berth; berth.dev/scheme may be meant",
    ],
  ],
  [
    "an annotation that the class does not allow",
    { ...withMetadata({ annotations: { "berth.dev/scheme": "internal" } }), ...withClass({ allowedOverrides: [] }) },
    [
      "yes",
      "NO wish metadata.annotations[berth.dev/scheme]: OverrideNotAllowed: ignored: class berth.dev/proxy does not let Services set berth.dev/scheme; change the Service, or its class",
    ],
  ],
  [
    "ipMode Proxy",
    withStatus([], [{ ip: "203.0.113.7", ipMode: "Proxy" }]),
    ["yes", "NO answered by nodes: ipMode is Proxy, so traffic from pods goes out to the load balancer; nothing to do"],
  ],
  [
    "a host name",
    withStatus([], [{ hostname: "lb.example.com" }]),
    [
      "yes",
      "NO answered by nodes: it is a host name, so traffic from pods goes out to the load balancer; nothing to do",
    ],
  ],
  [
    "source ranges that do not parse",
    withSpec({ loadBalancerSourceRanges: ["10.0.0.0/8x"] }),
    [
      "no",
      'NO wish spec.loadBalancerSourceRanges: InvalidSourceRanges: "10.0.0.0/8x" is no prefix; give ADDRESS/BITS, such as 192.0.2.0/24',
      'NO frontend LoadBalancerIP 203.0.113.7:80/TCP: source range "10.0.0.0/8x" is no prefix, so it lets nobody in; correct the Service',
    ],
  ],
  [
    "affinity beyond its limits",
    withSpec({ sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } }),
    [
      "no",
      "NO session affinity ClientIP: timeoutSeconds 90000 is not from 1 to 86400 and counts as 10800; give one that is",
    ],
  ],
])("%s", (_, world, expected) => {
  expect(told(world)).toEqual(expected);
});
