import { expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { node } from "../model/testing/objects.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { tellEligibility } from "./node-watch.ts";

it("tells once when load balancers may no longer send here, and once when they may", () => {
  let current: Node | undefined = node("node-a");
  let look = (): void => {};
  const log = new MemoryLog();
  const source = {
    node: () => current,
    onNode(listener: () => void): Disposable {
      look = listener;
      return { [Symbol.dispose]() {} };
    },
  };
  using _telling = tellEligibility(source, "node-a", log);
  // kubelet writes the Node's status again and again.
  for (const taints of [[], [], [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }], undefined, []]) {
    if (taints !== undefined) current = { ...node("node-a"), spec: { taints } };
    look();
  }
  current = undefined;
  look();
  look();
  expect(log.lines.map(({ message, fields }) => fields.why ?? message)).toEqual([
    "a taint says that the node is about to go",
    "load balancers may send here again",
    expect.stringMatching(/^there is no Node object of this name/),
  ]);
});
