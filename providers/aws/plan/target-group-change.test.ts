import { expect, it } from "vitest";
import type { Action } from "../actions.ts";
import { type DriveOptions, drive } from "../testing/drive.ts";
import { desiredLb, node, port } from "../testing/values.ts";
import { World } from "../testing/world.ts";

const p = "service.beta.kubernetes.io/aws-load-balancer-";
const lb = desiredLb();
const { id } = lb;
const nodes = [node(1), node(2)];
/** The protocol of the check is no thing that AWS changes in a target group. */
const byTcp = desiredLb({ annotations: { [`${p}healthcheck-protocol`]: "tcp" } });

/** What listeners were told, `weights issue`, and after how many rounds. */
async function turns(wanted: typeof lb, options: (world: World) => DriveOptions): Promise<readonly string[]> {
  const world = new World();
  await drive(world, id, { lb, nodes });
  world.settle();
  const told: string[] = [];
  let round = 0;
  const { onRound = () => world.settle() } = options(world);
  await drive(
    world,
    id,
    { lb: wanted, nodes },
    {
      onRound: (number) => {
        round = number + 1;
        onRound(number);
      },
      onStep: ({ input }) => {
        const action = input as Action;
        if (action.kind !== "modifyListener") return;
        const weights = action.content.targetGroups.map(({ weight }) => weight).join("/");
        told.push(`${round}: ${weights} ${action.issue?.reason ?? ""}`.trim());
      },
    },
  );
  return told;
}

it("gives the new target group no weight until a target of it is healthy", async () => {
  expect(await turns(byTcp, () => ({}))).toEqual(["1: 1/0", "2: 1"]);
});

it("turns to it after five minutes, and says so", async () => {
  const told = await turns(byTcp, (world) => ({
    onRound: () => {
      world.settle();
      // Only those of before are healthy.
      for (const { targets, healthCheck } of world.targetGroups)
        if (healthCheck.protocol === "TCP") for (const target of targets) target.state = "unhealthy";
    },
  }));
  expect(told).toEqual(["1: 1/0", "11: 1 TargetGroupReplaced"]);
});

it("turns at once where nothing is healthy before", async () => {
  const told = await turns(byTcp, (world) => ({
    onRound: () => {
      world.healthy = false;
      world.settle();
    },
  }));
  expect(told).toEqual(["1: 1"]);
});

it("turns at once, and says so, where the listener cannot send to both", async () => {
  expect(await turns(desiredLb({ ports: [port("UDP", 80, 30_080)] }), () => ({}))).toEqual([
    "1: 1 TargetGroupReplaced",
  ]);
});
