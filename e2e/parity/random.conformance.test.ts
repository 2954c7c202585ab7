import { afterAll, beforeAll, expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { Cluster } from "./cluster.ts";
import { noLocalhost } from "./flag-sets.ts";
import { Justified } from "./justified.ts";
import { Pair } from "./pair.ts";
import { randomOperations } from "./random-operations.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
/** `PARITY_SEED=57` begins with the round that a failure names. */
const firstSeed = Number(process.env["PARITY_SEED"] ?? "1");
const rounds = Number(process.env["PARITY_ROUNDS"] ?? "30");
const owned = new AsyncDisposableStack();
let cluster: Cluster;
let pair: Pair;

beforeAll(async () => {
  cluster = owned.use(await Cluster.start([], signal));
  pair = owned.use(await Pair.start(cluster, { host, flavour: "nft", flags: [noLocalhost] }, signal));
});
afterAll(() => owned.disposeAsync());

it(`has kube-proxy's rules after each of ${rounds} rounds of random changes`, async () => {
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const operations = randomOperations(seed);
    for (const operation of operations)
      if (operation.kind === "cut") pair.cut();
      else await cluster.attempt(operation, signal);
    const differences = await pair.differences(new Justified([]), signal);
    const moves =
      differences.length === 0 ? [] : operations.map((operation) => JSON.stringify(operation).slice(0, 400));
    expect({ seed, differences, moves }).toEqual({ seed, differences: [], moves: [] });
  }
});
