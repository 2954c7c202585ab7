import { expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { node } from "../model/testing/objects.ts";
import { nullLogger } from "../telemetry/index.ts";
import { tellEligibility } from "./node-watch.ts";

it("tells once when load balancers may no longer send here, and once when they may", () => {
  let current: Node | undefined = node("node-a");
  let look = (): void => {};
  const told: string[] = [];
  const logger = {
    ...nullLogger,
    warn: (_: string, fields: { why?: string } = {}) => void told.push(fields.why ?? ""),
    info: (message: string) => void told.push(message),
  };
  const source = {
    node: () => current,
    onNode(listener: () => void): Disposable {
      look = listener;
      return { [Symbol.dispose]() {} };
    },
  };
  using _telling = tellEligibility(source, "node-a", logger);
  // kubelet writes the Node's status again and again.
  for (const taints of [[], [], [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }], undefined, []]) {
    if (taints !== undefined) current = { ...node("node-a"), spec: { taints } };
    look();
  }
  current = undefined;
  look();
  look();
  expect(told).toEqual([
    "a taint says that the node is about to go",
    "load balancers may send here again",
    expect.stringMatching(/^there is no Node object of this name/),
  ]);
});
