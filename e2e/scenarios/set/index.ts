// One set of scenarios for every cluster that Berth can run in, from its user's side: kubectl, a client inside, a
// client outside, nodes and processes that end. A driver (`e2e/drivers`) says what the cluster is made of, and which
// scenarios it cannot run, and why: those are shown as skipped.
import { afterAll, beforeAll, it } from "vitest";
import { explained } from "../../drivers/collect.ts";
import type { Driver } from "../../drivers/driver.ts";
import { classes } from "./classes.ts";
import { names } from "./names.ts";
import { operations } from "./operations.ts";
import { policies } from "./policies.ts";
import { scale } from "./scale.ts";
import { Scene } from "./scene.ts";
import { types } from "./types.ts";

/** Plays one; its figures in words. */
type Play = (scene: Scene) => Promise<string>;

const scenarios: Readonly<Record<ScenarioName, Play>> = {
  ...types,
  ...policies,
  ...names,
  ...classes,
  ...operations,
  ...scale,
};

export type ScenarioName = keyof (typeof types &
  typeof policies &
  typeof names &
  typeof classes &
  typeof operations &
  typeof scale);

export interface Cluster {
  readonly start: () => Promise<Driver>;
  /** Scenarios that it cannot run, and why. */
  readonly cannot: Readonly<Partial<Record<ScenarioName, string>>>;
}

/** Far beyond what a slow machine needs. */
const patienceMs = 600_000;

/** Declares the test of each scenario, all in one cluster. Logs and state of a failed one are left in `e2e/failed`. */
export function runScenarios({ start, cannot }: Cluster): void {
  let driver: Driver;
  beforeAll(async () => {
    driver = await start();
  }, patienceMs);
  afterAll(async () => await driver?.[Symbol.asyncDispose](), patienceMs);
  for (const [index, [title, play]] of Object.entries(scenarios).entries()) {
    const reason = cannot[title as ScenarioName];
    if (reason !== undefined) it.skip(`${title} (${reason})`);
    else
      it(
        title,
        async () => {
          await using scene = await Scene.open(driver, `scene-${index + 1}`);
          const figures = await explained(driver, `${index + 1}`, () => play(scene));
          console.log(`${driver.name}: ${title}: ${figures}`);
        },
        patienceMs,
      );
  }
}
