// Any cluster, any packet: what the planned rules do with it is what the API says. `ORACLE_CASES=100000` asks for more
// than a run of the unit tests does.
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import { objectKey } from "../api/index.ts";
import { slice } from "../model/testing/objects.ts";
import { type Family, parseCidr } from "../net/index.ts";
import { compileRules, type Packet, trace } from "../trace/index.ts";
import { nodeFacts } from "./node-facts.ts";
import { ServiceTable } from "./service-table.ts";
import { packetOf, shot, world } from "./testing/oracle/arbitrary.ts";
import { expectation } from "./testing/oracle/oracle.ts";
import type { Expectation, SentPacket, World } from "./testing/oracle/world.ts";
import { nodeSettings } from "./testing/settings.ts";
import { MemoryState } from "./testing/state.ts";

const families: readonly Family[] = ["IPv4", "IPv6"];
const cases = Number(process.env["ORACLE_CASES"] ?? 2000);

/** What the rules that the agent plans for this world do with packets. */
async function rulesOf(w: World): Promise<(sent: SentPacket) => Expectation> {
  const state = new MemoryState();
  state.nodeObject = w.node;
  for (const service of w.services) {
    const key = objectKey(service.metadata);
    state.services.set(key, service);
    const name = service.metadata.name;
    state.allSlices.set(
      key,
      w.slices.filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name),
    );
  }
  const { nodePortAddresses, externalIps, ...rest } = w.settings;
  const cidrs = (list: readonly string[]) => list.flatMap((text) => parseCidr(text) ?? []);
  const settings = nodeSettings({
    ...rest,
    nodePortAddresses: nodePortAddresses === "primary" ? "primary" : cidrs(nodePortAddresses),
    externalIps: cidrs(externalIps),
    reservedPorts: [],
  });
  const apiServers = w.apiServers.map(({ address, port }, i) =>
    slice(`kubernetes-${i}`, [{ name: "https", port }], [{ ip: address }]),
  );
  const facts = nodeFacts(settings, w.node, apiServers, [...w.addresses, "127.0.0.1", "::1"]);
  const table = new ServiceTable(families, async () => []);
  await table.update(state.serviceKeys(), state, facts);
  const compiled = new Map(families.map((family) => [family, compileRules(table.program(family))]));
  return (sent) => {
    const rules = compiled.get(sent.source.includes(":") ? "IPv6" : "IPv4")!;
    const { interface: input, protocol, ...where } = sent;
    const first: Packet = {
      ...where,
      protocol: protocol.toLowerCase(),
      ...(input !== undefined && { interface: input }),
    };
    const { endpoints, outcomes } = trace(rules, { addresses: w.addresses }, first);
    if (endpoints.length === 0) {
      const kinds = new Set(outcomes.map(({ verdict, masquerade }) => `${verdict}${masquerade ? " masqueraded" : ""}`));
      expect(kinds.size).toBe(1);
      const [kind = ""] = kinds;
      return kind === "ACCEPT" ? { kind: "left alone" } : { kind: kind as "DROP" };
    }
    for (const { share } of endpoints) expect(share).toBeCloseTo(1 / endpoints.length, 6);
    return { kind: "endpoints", masqueraded: new Map(endpoints.map((each) => [each.endpoint, each.masquerade])) };
  };
}

function agree(said: Expectation, done: Expectation): boolean {
  return said.kind === "closed" ? done.kind !== "endpoints" : isDeepStrictEqual(said, done);
}

it(`does with packets what the API says, in ${cases} clusters`, { timeout: 60_000 + 10 * cases }, async () => {
  const kinds: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(world, fc.array(shot, { minLength: 12, maxLength: 12 }), async (w, shots) => {
      const rules = await rulesOf(w);
      for (const sent of shots.map((one) => packetOf(w, one))) {
        const said = expectation(w, sent);
        const done = rules(sent);
        kinds[said.kind] = (kinds[said.kind] ?? 0) + 1;
        if (!agree(said, done)) expect({ sent, ...show(done) }).toEqual({ sent, ...show(said) });
      }
    }),
    { numRuns: cases },
  );
  // Every kind of answer comes up often enough to mean something.
  for (const kind of ["endpoints", "DROP", "REJECT", "left alone", "closed"])
    expect([kind, (kinds[kind] ?? 0) >= cases / 10]).toEqual([kind, true]);
});

function show(what: Expectation): object {
  return what.kind === "endpoints" ? { kind: what.kind, to: Object.fromEntries([...what.masqueraded].sort()) } : what;
}
