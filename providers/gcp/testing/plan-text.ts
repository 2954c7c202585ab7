// Plans as text for golden files, with short names.
import type { Plan, PlanStep } from "../../../src/provider/index.ts";
import { baseName, sharedBaseName } from "../names.ts";
import type { Action, Resource } from "../resources.ts";
import { id } from "./values.ts";

/** One plan: its steps with what they wait for, what they change and what they make, then its waits. */
export function planText({ steps, waits, replacesAddress }: Plan): string {
  const numbers = new Map(steps.map((step, i) => [step.id, i + 1]));
  const lines = steps.flatMap((step, i) => [`${i + 1}. ${headOf(step, numbers)}`, ...bodyOf(step)]);
  const head = replacesAddress ? ["(replaces the address)"] : [];
  return short([...head, ...lines, ...waits.map(({ what }) => `waits: ${what}`)].join("\n"));
}

function headOf({ id: step, dependsOn }: PlanStep, numbers: ReadonlyMap<string, number>): string {
  return dependsOn.length === 0 ? step : `${step} (after ${dependsOn.map((one) => numbers.get(one)).join(", ")})`;
}

function bodyOf({ input, diff }: PlanStep): readonly string[] {
  const action = input as Action;
  if (action.verb === "insert") return fieldsOf(action.resource);
  return diff.map(({ path, from, to }) => `   ${path}: ${from ?? "none"} -> ${to ?? "none"}`);
}

/** What all of a load balancer have in common is left out. */
function fieldsOf(resource: Resource): readonly string[] {
  const common = ["kind", "name", "description", "network", "zone", "direction", "disabled"];
  return Object.entries(resource)
    .filter(([key]) => !common.includes(key))
    .map(([key, value]) => `   ${key}: ${JSON.stringify(value)}`);
}

function short(text: string): string {
  return text
    .replaceAll(baseName(id), "web")
    .replaceAll(sharedBaseName(id.clusterId), "all")
    .replaceAll(
      /https:\/\/www.googleapis.com\/compute\/v1\/|projects\/shop\/(regions\/europe-west1|zones|global)\//g,
      "",
    )
    .replaceAll("europe-west1-", "");
}
