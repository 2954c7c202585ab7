// `berth` with all that it can do; each image has an entry of its own, with what its process needs (images/README.md).
import { start } from "./start.ts";

await start({
  agent: () => import("./agent.ts"),
  controller: () => import("./controller.ts"),
  balancer: () => import("./balancer.ts"),
  trace: () => import("./trace.ts"),
  explain: () => import("./explain.ts"),
  apiserver: () => import("./apiserver.ts"),
  sandbox: () => import("./sandbox.ts"),
});
