import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { type EndpointSlice, objectKey } from "../../../api/index.ts";
import { slice } from "../../../model/testing/objects.ts";
import { type Cidr, type Family, parseCidr } from "../../../net/index.ts";
import { compileRules, type Packet, trace } from "../../../trace/index.ts";
import { nodeFacts } from "../../node-facts.ts";
import { ServiceTable } from "../../service-table.ts";
import { nodeSettings } from "../settings.ts";
import { MemoryState } from "../state.ts";
import { packetOf, shot, world } from "./arbitrary.ts";
import { expectation } from "./oracle.ts";
import type { Expectation, SentPacket, World } from "./world.ts";

const families: readonly Family[] = ["IPv4", "IPv6"];
const packetsPerCluster = 12;

/** A cluster and packets in it. */
export interface Situation {
  readonly world: World;
  readonly packets: readonly SentPacket[];
}

/** How often which kind of answer was due. */
export type Tally = Record<Expectation["kind"], number>;

/** Throws where the planned rules do something else with a packet than the API says. */
export async function agree({ world: w, packets }: Situation): Promise<Tally> {
  const rules = await rulesOf(w);
  const tally = newTally();
  for (const sent of packets) {
    const said = expectation(w, sent);
    const done = rules(sent);
    tally[said.kind] += 1;
    if (said.kind === "closed" ? done.kind === "endpoints" : !isDeepStrictEqual(said, done))
      throw new Error(`${show(sent)}\nis due ${show(said)}\nand gets ${show(done)}`);
  }
  return tally;
}

/** So many random clusters. Throws fast-check's report; `failed` is told of each failing case, of the smallest one last. */
export async function agreeInRandomClusters(
  cases: number,
  failed: (situation: Situation) => void = () => {},
): Promise<Tally> {
  const sum = newTally();
  const situation = fc
    .tuple(world, fc.array(shot, { minLength: packetsPerCluster, maxLength: packetsPerCluster }))
    .map(([w, shots]): Situation => ({ world: w, packets: shots.map((one) => packetOf(w, one)) }));
  const property = fc.asyncProperty(situation, async (one) => {
    const tally = await agree(one).catch((error: unknown) => {
      failed(one);
      throw error;
    });
    for (const [kind, n] of Object.entries(tally)) sum[kind as Expectation["kind"]] += n;
  });
  await fc.assert(property, { numRuns: cases });
  return sum;
}

function newTally(): Tally {
  return { endpoints: 0, DROP: 0, REJECT: 0, "left alone": 0, closed: 0 };
}

/** What the rules that the agent plans for this world do with packets. */
async function rulesOf(w: World): Promise<(sent: SentPacket) => Expectation> {
  const state = stateOf(w);
  const { nodePortAddresses, externalIps, ...rest } = w.settings;
  const cidrs = (list: readonly string[]): Cidr[] => list.flatMap((text) => parseCidr(text) ?? []);
  const settings = nodeSettings({
    ...rest,
    nodePortAddresses: nodePortAddresses === "primary" ? "primary" : cidrs(nodePortAddresses),
    externalIps: cidrs(externalIps),
    reservedPorts: [],
  });
  const facts = nodeFacts(settings, w.node, apiServerSlices(w), [...w.addresses, "127.0.0.1", "::1"]);
  const table = new ServiceTable(families, async () => []);
  await table.update(state.serviceKeys(), state, facts);
  const compiled = new Map(families.map((family) => [family, compileRules(table.program(family))]));
  return ({ interface: input, protocol, ...where }) => {
    const rules = compiled.get(where.source.includes(":") ? "IPv6" : "IPv4");
    if (rules === undefined) throw new Error("rules of both families are planned");
    const packet: Packet = {
      ...where,
      protocol: protocol.toLowerCase(),
      ...(input !== undefined && { interface: input }),
    };
    return endOf(trace(rules, { addresses: w.addresses }, packet));
  };
}

function stateOf(w: World): MemoryState {
  const state = new MemoryState();
  state.nodeObject = w.node;
  for (const service of w.services) {
    const { name } = service.metadata;
    const own = w.slices.filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);
    state.services.set(objectKey(service.metadata), service);
    state.allSlices.set(objectKey(service.metadata), own);
  }
  return state;
}

function apiServerSlices({ apiServers }: World): EndpointSlice[] {
  return apiServers.map(({ address, port }, i) =>
    slice(`kubernetes-${i}`, [{ name: "https", port }], [{ ip: address }]),
  );
}

/** Throws when chance decides between endpoints and something else, or not alike between endpoints. */
function endOf({ endpoints, outcomes }: ReturnType<typeof trace>): Expectation {
  if (endpoints.length > 0) {
    const fair = endpoints.every(({ share }) => Math.abs(share - 1 / endpoints.length) < 1e-6);
    if (!fair)
      throw new Error(`uneven shares: ${endpoints.map(({ endpoint, share }) => `${endpoint} ${share}`).join(", ")}`);
    return { kind: "endpoints", masqueraded: new Map(endpoints.map((each) => [each.endpoint, each.masquerade])) };
  }
  const ends = new Set(outcomes.map(({ verdict, masquerade }) => `${verdict}${masquerade ? " masqueraded" : ""}`));
  const [end = ""] = ends;
  if (ends.size !== 1 || !["ACCEPT", "DROP", "REJECT"].includes(end))
    throw new Error(`a packet to no endpoint ends as ${[...ends].join(", ")}`);
  return { kind: end === "ACCEPT" ? "left alone" : (end as "DROP" | "REJECT") };
}

function show(what: Expectation | SentPacket): string {
  return JSON.stringify(what, (_, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value));
}
