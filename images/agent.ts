// What the image berth-agent runs: the commands that are for a node, and the data path of a proxy load balancer.
import { start } from "../src/cli/start.ts";

await start({
  agent: () => import("../src/cli/agent.ts"),
  balancer: () => import("../src/cli/balancer.ts"),
  trace: () => import("../src/cli/trace.ts"),
  explain: () => import("../src/cli/explain.ts"),
});
