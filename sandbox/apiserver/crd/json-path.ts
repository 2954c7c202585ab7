// The JSON paths of columns and selectable fields: the part of k8s.io/client-go/util/jsonpath that a
// CustomResourceDefinition may use.
import { asList, asText, isMap } from "../object.ts";

type Step =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "all" }
  | { readonly kind: "filter"; readonly field: readonly string[]; readonly equals: string };

const step =
  /\.((?:[^.[\]\\]|\\.)+)|\['((?:[^'\\]|\\.)+)'\]|\[(-?\d+)\]|\[(\*)\]|\[\?\(@\.([\w.-]+)\s*==\s*["']?([^"')]*)["']?\)\]/y;

/** A path that is ready to be followed; undefined when the text is none. */
export type JsonPath = readonly Step[];

export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = [];
  step.lastIndex = 0;
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null) return undefined;
    steps.push(stepOf(found));
  }
  return steps.length === 0 ? undefined : steps;
}

function stepOf([, field, quoted, index, all, filter, equals = ""]: RegExpExecArray): Step {
  const name = field ?? quoted;
  if (name !== undefined) return { kind: "field", name: name.replaceAll(/\\(.)/g, "$1") };
  if (index !== undefined) return { kind: "index", index: Number(index) };
  if (all !== undefined || filter === undefined) return { kind: "all" };
  return { kind: "filter", field: filter.split("."), equals };
}

/** The first value that a path leads to. */
export function firstAt(path: JsonPath, value: unknown): unknown {
  return path.reduce<readonly unknown[]>((values, each) => values.flatMap((inner) => follow(each, inner)), [value])[0];
}

function follow(each: Step, value: unknown): readonly unknown[] {
  switch (each.kind) {
    case "field":
      return isMap(value) && value[each.name] !== undefined ? [value[each.name]] : [];
    case "index":
      return asList(value).slice(each.index).slice(0, 1);
    case "all":
      return isMap(value) ? Object.values(value) : asList(value);
    case "filter":
      return asList(value).filter((item) => {
        const found = each.field.reduce<unknown>((inner, name) => (isMap(inner) ? inner[name] : undefined), item);
        return found !== undefined && asText(found) === each.equals;
      });
    default:
      return each satisfies never;
  }
}
