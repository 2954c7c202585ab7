import { expect, it } from "vitest";
import { engineOf } from "./choice.ts";

const kind = "KIND_EXPERIMENTAL_PROVIDER";

it.each<[string, Record<string, string>, Record<string, string>, string]>([
  ["nothing said", {}, {}, "namespace"],
  ["what kind uses", {}, { [kind]: "podman" }, "podman"],
  ["what kind may use and we may not", {}, { [kind]: "nerdctl" }, "namespace"],
  ["a bridge", { "proxy-bridge": "br0" }, { [kind]: "docker" }, "namespace"],
  ["the flag", { "proxy-engine": "docker" }, { [kind]: "podman" }, "docker"],
  ["the flag for namespaces", { "proxy-engine": "namespace" }, { [kind]: "podman" }, "namespace"],
])("takes the engine that is asked for: %s", (_, flags, environment, expected) => {
  expect(engineOf(flags, environment)).toBe(expected);
});

it.each<[string, Record<string, string>, RegExp]>([
  ["an unknown engine", { "proxy-engine": "nerdctl" }, /^--proxy-engine: "nerdctl" is no engine; give namespace/],
  [
    "a bridge for containers",
    { "proxy-engine": "docker", "proxy-bridge": "br0" },
    /^--proxy-bridge: it means nothing to the engine docker/,
  ],
  ["an image for namespaces", { "proxy-image": "x" }, /^--proxy-image: it means nothing to the engine namespace/],
])("refuses %s", (_, flags, message) => {
  expect(() => engineOf(flags, {})).toThrow(message);
});
