import fc from "fast-check";
import { expect, it } from "vitest";
import { parseBalancerConfig, textHash } from "../../src/balancer/config.ts";
import { assertNever } from "../../src/base/index.ts";
import type { Plan } from "../../src/provider/index.ts";
import type { Addressing } from "./addressing.ts";
import type { Action, NetworkState, Observation } from "./observation.ts";
import { planAbsent, planPresent, status } from "./plan.ts";
import { desiredLb, ip, node } from "./testing.ts";

const engine: Addressing = { kind: "engine" };
const nodes = [node("a", "172.18.0.2", "fc00::2")];
const lb = desiredLb({ addresses: [] });
const dual = desiredLb({ addresses: [], families: ["IPv6", "IPv4"] });
const asking = desiredLb({ addresses: [], requestedAddresses: [ip("172.18.0.99")] });
const maker = { clusterId: lb.id.clusterId, uid: lb.id.uid };
const given = ["172.18.0.5/16", "fc00::5/64"];
const nothing: Observation = {
  owner: undefined,
  network: undefined,
  config: undefined,
  process: "none",
  status: undefined,
};

function container(addresses: readonly string[]): NetworkState {
  return { announced: undefined, addresses, maker };
}

/** An engine: `wanted` is what its container was made to ask for. */
interface World {
  readonly observed: Observation;
  readonly wanted: readonly string[];
}

function after({ observed, wanted }: World, action: Action): World {
  switch (action.kind) {
    case "claim":
      return { observed: { ...observed, owner: action.id }, wanted };
    case "retain":
      return { observed: { ...observed, owner: { ...action.id, retained: true } }, wanted };
    case "configure":
      return { observed: { ...observed, config: action.text }, wanted };
    case "connect":
      return { observed: { ...observed, network: container([]), process: "none" }, wanted: action.addresses };
    case "start": {
      const addresses = [...wanted.map((address) => `${address}/16`), ...given.slice(wanted.length)];
      return { observed: { ...observed, network: container(addresses), process: "running" }, wanted };
    }
    case "stop":
      return { observed: { ...observed, network: observed.network && container([]), process: "none" }, wanted };
    case "disconnect":
      return { observed: { ...observed, network: undefined, process: "none" }, wanted: [] };
    case "release":
      return { observed: { ...observed, owner: undefined, config: undefined, status: undefined }, wanted };
    default:
      return assertNever(action, "action");
  }
}

function apply(world: World, steps: Plan["steps"]): World {
  return steps.reduce((state, step) => after(state, step.input as Action), world);
}

/** A balancer that runs applies what it reads. */
function settled({ observed, wanted }: World): World {
  if (observed.process !== "running" || observed.config === undefined) return { observed, wanted };
  return { observed: { ...observed, status: { applied: textHash(observed.config), targets: [] } }, wanted };
}

const anyWorld: fc.Arbitrary<World> = fc
  .record({
    owner: fc.constantFrom(undefined, lb.id),
    // Off its network it has no address there, and one that does not run has none anywhere.
    made: fc.constantFrom<Pick<Observation, "network" | "process">>(
      { network: undefined, process: "none" },
      { network: container([]), process: "none" },
      { network: container([]), process: "astray" },
      { network: container(given), process: "running" },
      { network: container(["172.18.0.7/16", "fc00::7/64"]), process: "running" },
    ),
    config: fc.constantFrom(undefined, "{", '{"addresses":["172.18.0.9"]}'),
    status: fc.constantFrom(undefined, { applied: "old", targets: [] }),
  })
  .map(({ made, ...rest }) => ({ observed: { ...rest, ...made }, wanted: [] }));
const cut = fc.nat(6);

it("arrives from anywhere, also when it is cut short, and then has nothing to do", () => {
  fc.assert(
    fc.property(
      anyWorld,
      fc.constantFrom(lb, dual, asking),
      fc.array(cut, { maxLength: 3 }),
      (start, desired, cuts) => {
        const plan = ({ observed }: World): Plan => planPresent(desired, nodes, observed, engine);
        let world = start;
        for (const done of cuts) world = settled(apply(world, plan(world).steps.slice(0, done)));
        // One made before the wish has to run before its addresses are known; then the right one, then its configuration.
        for (let round = 0; round < 3; round++) world = settled(apply(world, plan(world).steps));
        expect(plan(world)).toMatchObject({ steps: [], waits: [] });
        const { ingress } = status(desired, world.observed, engine);
        expect(ingress.map((entry) => entry.ip)).toEqual(
          parseBalancerConfig(world.observed.config ?? "", "").addresses,
        );
        expect(ingress).toHaveLength(desired.families.length);
        if (desired === asking) expect(ingress[0]?.ip).toBe("172.18.0.99");
      },
    ),
  );
});

it("takes everything away from anywhere, also when it is cut short", () => {
  fc.assert(
    fc.property(anyWorld, fc.array(cut, { maxLength: 3 }), (start, cuts) => {
      let world = start;
      for (const done of cuts) world = apply(world, planAbsent(lb.id, world.observed).steps.slice(0, done));
      world = apply(world, planAbsent(lb.id, world.observed).steps);
      const { owner, network, process } = world.observed;
      expect({ owner, network, process }).toEqual({ owner: undefined, network: undefined, process: "none" });
    }),
  );
});

it("replaces an address only when another is asked for", () => {
  const made: Observation = { ...nothing, owner: lb.id, network: container(given), process: "running" };
  expect(planPresent(asking, nodes, made, engine).replacesAddress).toBe(true);
  expect(planPresent(lb, nodes, made, engine).replacesAddress).toBe(false);
  // What is lost already, nobody replaces.
  const lost = { ...made, network: container([]), process: "astray" } as const;
  expect(planPresent(asking, nodes, lost, engine).replacesAddress).toBe(false);
});
