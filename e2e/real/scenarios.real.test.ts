import { RealDriver } from "../drivers/real.ts";
import { runScenarios } from "../scenarios/set/index.ts";

runScenarios({ start: () => RealDriver.start(), cannot: {} });
