import { KindDriver } from "../drivers/kind.ts";
import { runScenarios } from "../scenarios/set/index.ts";

runScenarios({
  start: () => KindDriver.start(),
  cannot: {
    "the deletion of a drained node under traffic, and its return":
      "a node of kind that was stopped may come back with another address",
  },
});
