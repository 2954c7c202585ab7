import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { rules } from "./rules.ts";

/** The comments of the API's definitions, as one text. */
const documentation = readFileSync(
  createRequire(import.meta.url).resolve("@google-cloud/compute/build/protos/google/cloud/compute/v1/compute.proto"),
  "utf8",
)
  .replaceAll(/\n\s*\/\//g, "")
  .replaceAll(/\s+/g, " ");

it.each(rules.filter(({ source }) => source.startsWith("compute.proto")))(
  "$id: is what the API says of itself: $source",
  ({ source }) => {
    const said = [...source.matchAll(/"([^"]+)"/g)].map(([, text = ""]) => text);
    expect(said).not.toEqual([]);
    expect(said.filter((text) => !documentation.includes(text))).toEqual([]);
  },
);
