import { afterEach, beforeEach, expect, it } from "vitest";
import { Operator } from "../../providers/aws/testing/operator.ts";
import { lbOf } from "../../providers/aws/testing/wishes.ts";
import type { NodeTarget } from "../../src/model/index.ts";
import { Moto } from "./testing/moto.ts";

const { signal } = new AbortController();
let moto: Moto;
let nodes: readonly NodeTarget[];

beforeEach(async () => {
  moto = await Moto.start();
  nodes = await moto.nodes(3);
});

afterEach(() => moto[Symbol.asyncDispose]());

it("makes a load balancer, follows the nodes and what the Service says, and leaves nothing behind", async () => {
  const operator = await Operator.start(moto);
  const lb = lbOf(2);
  operator.want(lb, nodes.slice(0, 2));
  await operator.settle();
  // What was just registered counts as unchecked for a while.
  operator.pass(10_000);
  expect(await operator.status(lb)).toMatchObject({
    ingress: [{ hostname: expect.stringContaining("elb") as string, ports: [{ port: 80 }, { port: 81 }] }],
    targets: { ready: 2, total: 2 },
  });
  const made = moto.writes().length;
  await operator.settle();
  expect(moto.writes().slice(made)).toEqual([]);

  operator.want(lb, nodes);
  await operator.settle();
  expect(moto.writes().slice(made)).toEqual(["RegisterTargets ok", "RegisterTargets ok"]);
  operator.want(lb, nodes.slice(0, 2));
  await operator.settle();
  expect(new Set(moto.writes().slice(made + 2))).toEqual(new Set(["DeregisterTargets ok"]));

  const changed = lbOf(1, { annotations: { "berth.dev/drain-seconds": "30" } });
  operator.want(changed, nodes.slice(0, 2));
  await operator.settle();
  expect((await operator.status(changed)).ingress).toEqual([
    expect.objectContaining({ ports: [{ port: 80, protocol: "TCP" }] }),
  ]);

  operator.letGo(changed);
  await operator.settle();
  expect(operator.failures).toEqual([]);
  const left = await Array.fromAsync((await moto.adapter({})).listOwned("cluster-1", signal));
  expect(new Set(left.map(({ scope }) => scope.kind))).toEqual(new Set(["shared"]));
});
