import { execOk } from "../../src/kernel/index.ts";
import type { ShownService, StageNode } from "./probes.ts";

/** What can be left out or broken, to see that the demo notices. */
export const sabotages = ["agent", "controller", "balancer", "nodeport-jump", "silent-pod"] as const;
export type Sabotage = (typeof sabotages)[number];

/** A directory whose `nft` refuses to work: with it first on PATH no balancer comes up. */
export const withoutBalancer: string = new URL("testdata/without-balancer", import.meta.url).pathname;

/** Takes one jump to the Service out of the rules of a node that has no agent to mend it, as an admin's slip would. */
export async function removeNodePortJump(node: StageNode, service: ShownService, signal: AbortSignal): Promise<void> {
  const [port] = service.ports;
  const save = await execOk(node.exec, "iptables-save", ["-t", "nat"], { signal });
  const jump = save
    .split("\n")
    .find((line) => line.startsWith("-A KUBE-NODEPORTS ") && line.includes(`--dport ${port?.nodePort} `));
  if (jump === undefined) throw new Error(`${node.name} has no jump for NodePort ${port?.nodePort}`);
  await execOk(node.exec, "iptables-restore", ["--noflush"], {
    signal,
    stdin: `*nat\n${jump.replace(/^-A /, "-D ")}\nCOMMIT\n`,
  });
}
