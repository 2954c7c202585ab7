import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { fileOf } from "../../e2e/chart/release.ts";
import manifest from "../../package.json" with { type: "json" };
import { fieldOf } from "../../src/cli/controller/settings.ts";
import { providerLoaders } from "../../src/cli/providers.ts";
import { valuesSchema, valuesYaml, withValuesTable } from "./files.ts";
import { render } from "./helm.ts";

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

it("has a value for each setting of the providers of clouds", async () => {
  const flags = await Promise.all(
    ["aws-nlb", "gcp-l4"].map(async (name) => (await providerLoaders.get(name)?.())?.provider.flags ?? []),
  );
  const fields = flags.flat().map(({ flag }) => fieldOf(flag.split(" ")[0] ?? ""));
  const text = fileOf(render({ values: everySetting }), "berth-controller", "controller.yaml");
  const told = Object.keys(parse(text) as object).filter((key) => /^(aws|gcp)/.test(key));
  expect(told.toSorted()).toEqual(fields.toSorted());
  expect(fields.length).toBeGreaterThan(12);
});

const everySetting = {
  agent: { enabled: false },
  controller: { providers: ["aws-nlb", "gcp-l4"] },
  aws: { region: "eu-west-1", vpcID: "vpc-01234567", endpoint: "https://a", allowCustomEndpoint: true },
  gcp: {
    project: "shop",
    region: "europe-west1",
    networkProject: "host",
    network: "shop",
    subnetwork: "nodes",
    nodeTags: ["node"],
    disableFirewalls: true,
    probeRanges: ["192.0.2.0/24"],
    internalRanges: ["10.0.0.0/8"],
    endpoint: "https://b",
    allowCustomEndpoint: true,
  },
};
