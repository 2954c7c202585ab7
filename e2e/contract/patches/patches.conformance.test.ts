import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { type Service, services } from "../../../src/api/index.ts";
import { errorMessage } from "../../../src/base/index.ts";
import { KubeApiError, KubeClient, loadKubeconfig } from "../../../src/kube/index.ts";
import { kubeApiserver } from "../kube-apiserver.ts";
import { sandbox } from "../sandbox.ts";
import type { Target } from "../target.ts";

// Strategic merge patches of a list that merges by a key which is not unique in truth (kubernetes/kubernetes#39188):
// what nobody would write into a script, and `kubectl apply` sends all the same.

interface Case {
  readonly ports: readonly object[];
  readonly patch: object;
}

const number = fc.constantFrom(22, 53, 80, 443, 9000);
const fields = {
  port: number,
  protocol: fc.constantFrom("TCP", "UDP"),
  name: fc.constantFrom("a", "b", "c", "d", "e", "f"),
  targetPort: fc.constantFrom<unknown>(1, 2, "x"),
};
const some = { minLength: 1, maxLength: 5 };
const whole = fc.record(fields, { requiredKeys: ["port", "protocol", "name"] });
const partial = fc.record(fields, { requiredKeys: ["port"] });
const directive = fc.record({ port: number, $patch: fc.constantFrom("delete", "delete", "replace", "merge", "odd") });
const change = fc.oneof({ weight: 6, arbitrary: partial }, { weight: 1, arbitrary: directive });
const order = fc.uniqueArray(number, some).map((numbers) => numbers.map((port) => ({ port })));

/** Half of them as kubectl makes them: one port of a number, and what changes in the order of the whole. */
const sane = fc.record({
  ports: fc.uniqueArray(whole, { ...some, selector: ({ port }) => port }).map(named),
  patch: fc
    .tuple(order, fc.uniqueArray(partial, { maxLength: 4, selector: ({ port }) => port }))
    .map(([list, ports]) => ({
      "$setElementOrder/ports": list,
      ports: named(list.flatMap(({ port }) => ports.filter((each) => each.port === port))),
    })),
});
const wild = fc.record({
  ports: fc.array(whole, some),
  patch: fc.record({ ports: fc.array(change, some), "$setElementOrder/ports": order }, { requiredKeys: ["ports"] }),
});

function named<T extends { readonly port: number }>(ports: readonly T[]): (T & { readonly name: string })[] {
  return ports.map((each) => ({ ...each, name: `p${each.port}` }));
}

/** The ports after each patch, or what was refused. */
async function outcomes(target: Target, cases: readonly Case[]): Promise<unknown[]> {
  await using controlPlane = await target.start();
  const connection = await loadKubeconfig(controlPlane.kubeconfig);
  await using client = new KubeClient({ connection, metrics: new Registry() });
  const signal = AbortSignal.timeout(240_000);
  const portsOf = async (writing: Promise<Service>): Promise<unknown> => {
    try {
      return (await writing).spec?.ports;
    } catch (error) {
      return error instanceof KubeApiError ? [error.code, error.reason, error.message] : errorMessage(error);
    }
  };
  const results: unknown[] = [];
  for (const [index, { ports, patch }] of cases.entries()) {
    const at = { namespace: "default", name: `s${index}` };
    const service = { metadata: at, spec: { clusterIP: "None", ports } } as unknown as Service;
    const before = await portsOf(client.create(services, service, signal));
    const after = await portsOf(client.patch(services, at, { type: "strategic", body: { spec: patch } }, signal));
    results.push({ before, after });
  }
  return results;
}

it("the sandbox merges lists of ports as kube-apiserver does", async () => {
  const cases = fc.sample(fc.oneof<fc.Arbitrary<Case>[]>(sane, wild), { seed: 1, numRuns: 400 });
  const [real, ours] = await Promise.all([outcomes(kubeApiserver, cases), outcomes(sandbox, cases)]);
  const differing = cases
    .map((each, index) => ({ ...each, real: real[index], ours: ours[index] }))
    .filter(({ real, ours }) => !isDeepStrictEqual(real, ours));
  expect(differing).toEqual([]);
});
