// `node bench/gcp/main.ts`: what the provider gcp-l4 asks of Compute Engine for each change, what a crash at any of its
// calls leaves behind, and what the controller's process costs with it; all on the stand-in of sandbox/gce.
import { asCommand } from "../command.ts";
import { describeMachine } from "../machine.ts";
import { lookOf, tableOfCalls } from "./calls.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { tableOfProcess } from "./process.ts";

/** Enough to tell what grows with them from what does not. */
const looked = 40;

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  const calls = await tableOfCalls(signal);
  const { lists, ofMembers } = await lookOf(looked);
  const processes = await tableOfProcess(flags, signal);
  process.stdout.write(`${calls}

A look at ${looked} load balancers that are as they should be: ${lists} lists for all, ${ofMembers} calls for each.

${describeMachine()}

${processes}
`);
}

await asCommand("bench/gcp", async (argv, signal) => await run(parseFlags(argv), signal));
