// What the image berth-controller runs.
import { start } from "../src/cli/start.ts";

await start({
  controller: () => import("../src/cli/controller.ts"),
  explain: () => import("../src/cli/explain.ts"),
});
