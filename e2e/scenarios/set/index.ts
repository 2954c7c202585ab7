// One set of scenarios for every cluster that Berth can run in, from its user's side: kubectl, a client inside, a
// client outside, nodes and processes that end. A driver (`e2e/drivers`) says what the cluster is made of, and which
// scenarios it cannot run, and why: those are shown as skipped.
import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, it } from "vitest";
import { errorMessage } from "../../../src/base/index.ts";
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
  /** What the figures are printed under. */
  readonly name: string;
  readonly start: () => Promise<Driver>;
  /** Scenarios that it cannot run, and why. */
  readonly cannot: Readonly<Partial<Record<ScenarioName, string>>>;
}

/** Far beyond what a slow machine needs. */
const patienceMs = 600_000;

/** Declares the test of each scenario, all in one cluster. Logs and state of a failed one are left in `e2e/failed`. */
export function runScenarios({ name, start, cannot }: Cluster): void {
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
          console.log(`${name}: ${title}: ${await explained(driver, `${name}/${index + 1}`, () => play(scene))}`);
        },
        patienceMs,
      );
  }
}

/** Does the work; when it fails, what the cluster says of itself is collected, and the error says where. */
export async function explained<T>(driver: Driver, folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const path = new URL(`../../failed/${folder}`, import.meta.url).pathname;
    mkdirSync(path, { recursive: true });
    await driver.collect(path);
    throw new Error(`${errorMessage(error)}\nLogs and state of the cluster: ${path}`, { cause: error });
  }
}
