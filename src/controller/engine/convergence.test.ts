import { expect, it } from "vitest";
import { makePlan, type PlanStep, type ProviderAdapter, type Recalling } from "../../provider/index.ts";
import { converge } from "./convergence.ts";

const { signal } = new AbortController();
const key = { kind: "shared", clusterId: "c", name: "n" } as const;
const step: PlanStep = { id: "a", action: "update", target: "a", dependsOn: [], input: undefined, diff: [] };
const wait = { id: "w", what: "it is being set up", pollAfterMs: 1000 };

/** What is seen is what is planned: `step`, `wait` or nothing. `log`: what it is asked. */
function adapterOf(live: string[], known: string | undefined, log: string[]): ProviderAdapter & Recalling {
  return {
    name: "test",
    recall: async () => known,
    observe: async (_, from) => {
      const seen = from === "live" ? live.shift() : (from as string);
      log.push(`${from === "live" ? "live" : "known"} ${seen}`);
      return seen;
    },
    plan: (_, __, seen) =>
      makePlan({
        steps: seen === "step" ? [step] : [],
        waits: seen === "wait" ? [wait] : [],
        summary: seen as string,
      }),
    apply: async () => {
      log.push("apply");
      return { state: "done" };
    },
  } as Partial<ProviderAdapter & Recalling> as ProviderAdapter & Recalling;
}

it.each<[string, string | undefined, string[], string[]]>([
  ["what is known proves that there is nothing to do", "nothing", [], ["known nothing"]],
  ["it proves that there is only to wait", "wait", [], ["known wait"]],
  ["what it would change is looked at first", "step", ["nothing"], ["known step", "live nothing"]],
  [
    "what is changed follows from a live look",
    "step",
    ["step", "nothing"],
    ["known step", "live step", "apply", "live nothing"],
  ],
  ["nothing is known any more", undefined, ["wait"], ["live wait"]],
])("rule 3: %s", async (_, known, live, expected) => {
  const log: string[] = [];
  await converge(adapterOf(live, known, log), key, null, {
    time: { now: 0, since: () => 0 },
    allowReplace: false,
    mayWrite: () => undefined,
    onStart: () => {},
    signal,
  });
  expect(log).toEqual(expected);
});
