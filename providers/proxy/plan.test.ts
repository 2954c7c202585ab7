import fc from "fast-check";
import { expect, it } from "vitest";
import { type BalancerConfig, type BalancerStatus, parseBalancerConfig, textHash } from "../../src/balancer/config.ts";
import { assertNever } from "../../src/base/index.ts";
import { parseCidr } from "../../src/net/index.ts";
import { type Plan, ProviderError, unsupported } from "../../src/provider/index.ts";
import { capabilities } from "./adapter.ts";
import type { Addressing } from "./addressing.ts";
import { macOf } from "./names.ts";
import type { Action, Observation } from "./observation.ts";
import { balancerConfig, planAbsent, planPresent, planRetained, status, validate } from "./plan.ts";
import { desiredLb, ip, node } from "./testing.ts";

const prefixes = [parseCidr("10.99.0.0/16")!, parseCidr("fd99::/64")!];
const pool: Addressing = { kind: "pool", prefixes };
const nodes = [node("b", "10.99.2.2", "fd99::2:2"), node("a", "10.99.2.1", "fd99::2:1")];
const lb = desiredLb();
const dual = desiredLb({ families: ["IPv6", "IPv4"], addresses: [ip("10.99.0.5"), ip("fd99::5")] });
const nothing: Observation = {
  owner: undefined,
  network: undefined,
  config: undefined,
  process: "none",
  status: undefined,
};

function plan(observed: Observation, desired = lb, targets = nodes): Plan {
  return planPresent(desired, targets, observed, pool);
}

/** What the world looks like after an action, as far as this provider can see. */
function after(observed: Observation, action: Action): Observation {
  switch (action.kind) {
    case "claim":
      return { ...observed, owner: action.id };
    case "retain":
      return { ...observed, owner: { ...action.id, retained: true } };
    case "configure":
      return { ...observed, config: action.text };
    case "connect":
      return {
        ...observed,
        network: { announced: action.mac, addresses: action.addresses.toSorted() },
        // What ran in the namespace of before does not run in this one.
        process: observed.network === undefined && observed.process === "running" ? "astray" : observed.process,
      };
    case "start":
      return { ...observed, process: "running" };
    case "stop":
      return { ...observed, process: "none" };
    case "disconnect":
      return { ...observed, network: undefined };
    case "release":
      return { ...observed, owner: undefined, config: undefined, status: undefined };
    default:
      return assertNever(action, "action");
  }
}

function apply(observed: Observation, steps: Plan["steps"]): Observation {
  return steps.reduce((state, step) => after(state, step.input as Action), observed);
}

/** A balancer that runs applies what it reads. */
function settled(observed: Observation): Observation {
  if (observed.process !== "running" || observed.config === undefined) return observed;
  const { targets } = parseBalancerConfig(observed.config, "");
  return {
    ...observed,
    status: {
      applied: textHash(observed.config),
      targets: targets.map(({ name }) => ({ name, healthy: true, reason: "answers" })),
    },
  };
}

const present = settled(apply(nothing, plan(nothing).steps));

function configOf(observed: Observation): BalancerConfig {
  return parseBalancerConfig(observed.config ?? "", "");
}

it("makes everything, each thing after what it stands on", () => {
  expect(plan(nothing).steps.map(({ id, action, dependsOn }) => [action, id, ...dependsOn])).toEqual([
    ["create", "directory"],
    ["create", "config", "directory"],
    ["create", "network", "config"],
    ["create", "process", "network"],
  ]);
  expect(plan(present)).toMatchObject({ steps: [], waits: [], summary: "nothing to do", replacesAddress: false });
});

it.each<[string, Partial<Observation>, string]>([
  ["its process ended", { process: "none" }, "create process"],
  ["its process runs elsewhere", { process: "astray" }, "delete stray, create process"],
  ["its namespace is gone", { network: undefined }, "create network, delete stray, create process"],
  ["it left the bridge", { network: { ...present.network!, announced: undefined } }, "update network"],
  ["an address is missing", { network: { ...present.network!, addresses: [] } }, "update network"],
  ["its configuration is lost", { config: undefined }, "create config"],
  ["its configuration is broken", { config: "{" }, "update config"],
  ["it has not reported yet", { status: undefined }, "wait: the balancer has not applied its configuration yet"],
  [
    "it fails",
    { status: { ...present.status!, failure: "nft: no" } },
    "wait: the balancer has not applied its configuration yet: nft: no",
  ],
  [
    "it cannot apply",
    { status: { ...present.status!, applied: "old", failure: "nft: no" } },
    "wait: the balancer has not applied its configuration yet: nft: no",
  ],
])("mends it when %s", (_, change, summary) => {
  expect(plan({ ...present, ...change }).summary).toBe(summary);
});

it("waits for the balancer alone, soon", () => {
  expect(plan({ ...present, status: undefined }).waits).toEqual([
    { id: "applied", what: expect.any(String), pollAfterMs: 50 },
  ]);
});

it("shows what changes in the configuration", () => {
  const [step] = plan(present, lb, nodes.slice(1)).steps;
  expect(step).toMatchObject({ id: "config", action: "update" });
  expect(step?.diff).toEqual([
    {
      path: "targets",
      from: '[{"name":"a","addresses":["10.99.2.1"]},{"name":"b","addresses":["10.99.2.2"]}]',
      to: '[{"name":"a","addresses":["10.99.2.1"]}]',
    },
  ]);
});

it("says when an address is replaced, but not when a family is added or goes", () => {
  const both = settled(apply(nothing, plan(nothing, dual).steps));
  expect(plan(present, desiredLb({ addresses: [ip("10.99.0.6")] })).replacesAddress).toBe(true);
  expect(plan(present, dual).replacesAddress).toBe(false);
  expect(plan(both, lb).replacesAddress).toBe(false);
});

it("waits for an address of each family", () => {
  expect(plan(nothing, desiredLb({ families: ["IPv4", "IPv6"] }))).toMatchObject({
    steps: [],
    waits: [{ id: "address" }],
  });
});

it("takes everything away, and nothing that is not ours", () => {
  expect(planAbsent(lb.id, present).summary).toBe("delete process, delete network, delete directory");
  expect(planAbsent(lb.id, nothing).steps).toEqual([]);
  expect(planAbsent(lb.id, { ...nothing, network: present.network }).steps).toEqual([]);
  // What is left of a claim that was cut short bears no mark and holds nothing.
  expect(planAbsent(lb.id, { ...nothing, unclaimed: true }).summary).toBe("delete directory");
  expect(planAbsent(lb.id, { ...nothing, unclaimed: true, network: present.network }).steps).toEqual([]);
});

it("tags what is retained and changes nothing else of it, once", () => {
  const { steps, summary } = planRetained(lb.id, present);
  expect(summary).toBe("update directory");
  const tagged = apply(present, steps);
  expect(tagged).toEqual({ ...present, owner: { ...lb.id, retained: true } });
  expect(planRetained(lb.id, tagged).steps).toEqual([]);
  expect(planRetained(lb.id, nothing).steps).toEqual([]);
  expect(() => planRetained(lb.id, { ...present, owner: { ...lb.id, uid: "other" } })).toThrow(ProviderError);
});

it.each<[string, Observation]>([
  ["a namespace without a directory", { ...nothing, network: present.network }],
  ["a directory of another", { ...present, owner: { ...lb.id, uid: "other" } }],
])("does not touch %s", (_, observed) => {
  expect(() => plan(observed)).toThrow(ProviderError);
  try {
    plan(observed);
  } catch (error) {
    expect((error as ProviderError).fault.kind).toBe("conflict");
  }
});

it("writes a configuration of what every balancer understands", () => {
  expect(
    balancerConfig(
      desiredLb({
        ...dual,
        sourceRanges: [parseCidr("192.168.0.0/16")!, parseCidr("10.0.0.0/8")!],
        sessionAffinity: { kind: "ClientIP", timeoutSeconds: 60 },
        healthCheck: { protocol: "HTTP", port: 31_000, path: "/healthz" },
        annotations: { "berth.dev/drain-seconds": "20" },
      }),
      [...nodes, node("c", "10.99.2.3")],
    ),
  ).toEqual({
    addresses: ["fd99::5", "10.99.0.5"],
    ports: [
      { protocol: "TCP", port: 80, nodePort: 30_080 },
      { protocol: "UDP", port: 53, nodePort: 30_053 },
    ],
    targets: [
      { name: "a", addresses: ["fd99::2:1", "10.99.2.1"] },
      { name: "b", addresses: ["fd99::2:2", "10.99.2.2"] },
      { name: "c", addresses: ["10.99.2.3"] },
    ],
    healthCheck: {
      port: 31_000,
      path: "/healthz",
      intervalMs: 1000,
      timeoutMs: 1000,
      unhealthyAfter: 2,
      healthyAfter: 1,
    },
    sourceRanges: ["10.0.0.0/8", "192.168.0.0/16"],
    sessionAffinity: { kind: "ClientIP", timeoutSeconds: 60 },
    drainSeconds: 20,
  });
});

it("reports addresses in the order of the families once they are real", () => {
  const both = settled(apply(nothing, plan(nothing, dual).steps));
  const ports = [
    { port: 80, protocol: "TCP" },
    { port: 53, protocol: "UDP" },
  ];
  expect(status(dual, both, pool)).toEqual({
    ingress: [
      { ip: "fd99::5", ipMode: "Proxy", ports },
      { ip: "10.99.0.5", ipMode: "Proxy", ports },
    ],
    targets: { ready: 2, total: 2 },
    unhealthy: [],
    references: [expect.stringMatching(/^berth-lb-[0-9a-f]{12}$/)],
    issues: [],
  });
  const sick: BalancerStatus = {
    applied: "of before",
    targets: [
      { name: "a", healthy: false, reason: "HTTP 503" },
      { name: "b", healthy: true, reason: "answers" },
    ],
  };
  expect(status(dual, { ...both, status: sick }, pool)).toMatchObject({
    ingress: [{}, {}],
    targets: { ready: 1, total: 2 },
    unhealthy: [{ node: "a", reason: "HTTP 503" }],
  });
  expect(status(dual, { ...both, status: undefined }, pool).ingress).toEqual([]);
  expect(status(dual, { ...both, status: { ...sick, applied: "" } }, pool).ingress).toEqual([]);
  expect(status(dual, present, pool).ingress.map(({ ip }) => ip)).toEqual(["10.99.0.5"]);
});

it("refuses what it cannot do, naming the field", () => {
  const ports = [
    { name: "sip", protocol: "SCTP", port: 5060, nodePort: 30_500 },
    { name: "", protocol: "TCP", port: 80, nodePort: 0 },
  ] as const;
  expect(unsupported(desiredLb({ ports }), capabilities).map(({ path, reason }) => [path, reason])).toEqual([
    ["spec.ports[name=sip].protocol", "LoadBalancerProtocolNotSupported"],
    ["spec.ports.nodePort", "NodePortMissing"],
  ]);
  expect(validate(dual, pool)).toEqual([]);
  expect(validate(desiredLb({ addresses: [ip("10.98.0.1")] }), pool)).toMatchObject([
    { path: "spec.loadBalancerIP", severity: "refuse", reason: "AddressOutsideNetwork" },
  ]);
  const annotations = { "berth.dev/drain-seconds": "soon" };
  expect(validate(desiredLb({ annotations }), pool)).toMatchObject([{ severity: "degrade" }]);
});

const anyObservation: fc.Arbitrary<Observation> = fc
  .record({
    owner: fc.constantFrom(undefined, lb.id),
    network: fc.constantFrom(
      undefined,
      present.network,
      { announced: undefined, addresses: [] },
      { announced: macOf("10.99.0.9/16"), addresses: ["10.99.0.9/16"] },
    ),
    config: fc.constantFrom(undefined, present.config, "{", '{"addresses":["10.99.0.9"]}'),
    process: fc.constantFrom("none", "running", "astray"),
    status: fc.constantFrom(undefined, present.status),
  })
  // A namespace without a directory is not ours.
  .filter(({ owner, network }) => owner !== undefined || network === undefined);

const anyDesired = fc.constantFrom(lb, dual, desiredLb({ sourceRanges: [prefixes[0]!] }));
const cut = fc.nat(6);

it("arrives from anywhere, also when it is cut short, and then has nothing to do", () => {
  fc.assert(
    fc.property(anyObservation, anyDesired, fc.array(cut, { maxLength: 3 }), (start, desired, cuts) => {
      let state = start;
      for (const done of cuts) state = apply(state, plan(state, desired).steps.slice(0, done));
      state = settled(apply(state, plan(state, desired).steps));
      expect(plan(state, desired)).toMatchObject({ steps: [], waits: [] });
      expect(configOf(state)).toEqual(balancerConfig(desired, nodes));
      expect(state).toMatchObject({ owner: lb.id, process: "running" });
      expect(status(desired, state, pool).ingress).toHaveLength(desired.families.length);
    }),
  );
});

it("takes everything away from anywhere, also when it is cut short", () => {
  fc.assert(
    fc.property(anyObservation, fc.array(cut, { maxLength: 3 }), (start, cuts) => {
      let state: Observation = { ...start, owner: lb.id };
      for (const done of cuts) state = apply(state, planAbsent(lb.id, state).steps.slice(0, done));
      state = apply(state, planAbsent(lb.id, state).steps);
      expect(state).toEqual(nothing);
    }),
  );
});
