// Loaded into the process that is measured (`node --import`): at SIGUSR2 it tells for how long its event loop was blocked
// since the last time.
import { BlockProbe } from "../kube/block-probe.ts";

const everyMs = 5;
let probe = new BlockProbe(everyMs);

process.on("SIGUSR2", () => {
  process.stderr.write(`blocks ${JSON.stringify(probe.longest)}\n`);
  probe[Symbol.dispose]();
  probe = new BlockProbe(everyMs);
});
