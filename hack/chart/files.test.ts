import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { providerLoaders } from "../../src/cli/providers.ts";
import { valuesSchema, valuesYaml, withValuesTable } from "./files.ts";

const chart = new URL("../../charts/berth/", import.meta.url).pathname;
const read = (name: string): string => readFileSync(chart + name, "utf8");

it.each([
  ["values.yaml", valuesYaml],
  ["values.schema.json", valuesSchema],
  ["README.md", () => withValuesTable(read("README.md"))],
])("%s says what the table says", async (name, make) => {
  await expect(make()).toMatchFileSnapshot(chart + name);
});

it("is of the version of Berth", () => {
  expect(parse(read("Chart.yaml"))).toMatchObject({ version: manifest.version, appVersion: manifest.version });
});

it("knows each provider of Berth, and why it does not run in the cluster", () => {
  expect(Object.keys(parse(read("files/providers.yaml")) as object)).toEqual([...providerLoaders.keys()]);
});
