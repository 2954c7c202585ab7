import { RealDriver } from "../drivers/real.ts";
import { runScenarios } from "../scenarios/set/index.ts";

runScenarios({ name: "real", start: () => RealDriver.start(), cannot: {} });
