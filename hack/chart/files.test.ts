import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { fileOf } from "../../e2e/chart/release.ts";
import manifest from "../../package.json" with { type: "json" };
import { fieldOf } from "../../src/cli/controller/settings.ts";
import { providerLoaders } from "../../src/cli/providers.ts";
import { valuesSchema, valuesYaml, withValuesTable } from "./files.ts";
import { render } from "./helm.ts";
import { type RoleFile, withRightsTable } from "./rights.ts";

const chart = new URL("../../charts/berth/", import.meta.url).pathname;
const read = (name: string): string => readFileSync(chart + name, "utf8");

it.each([
  ["values.yaml", valuesYaml],
  ["values.schema.json", valuesSchema],
  ["README.md", () => withValuesTable(read("README.md"))],
])("%s says what the table says", async (name, make) => {
  await expect(make()).toMatchFileSnapshot(chart + name);
});

it("docs/security.md says what the roles say", async () => {
  const page = new URL("../../docs/security.md", import.meta.url).pathname;
  const file = (name: string, who: string): RoleFile => ({ who, text: read(`files/rbac/${name}.yaml`) });
  const files = [
    file("agent", "agent"),
    file("controller", "controller"),
    file("optional/controller-node-ports", "controller, with `controller.setsNodePorts`"),
    file("uninstall/controller", "controller, while it is uninstalled"),
    file("uninstall/agent", "agent, while it is uninstalled"),
  ];
  await expect(withRightsTable(readFileSync(page, "utf8"), files)).toMatchFileSnapshot(page);
});

/** What is in backquotes in the first column of the table. */
function messagesIn(page: string): readonly string[] {
  const rows = page.split("\n").filter((line) => line.startsWith("| ") && line.includes("`"));
  return rows.flatMap((row) => (row.split(" | ")[0] ?? "").match(/(?<=`)[^`| ][^`|]{11,}(?=`)/g) ?? []);
}

it("docs/troubleshooting.md names no message of ours that is not printed", () => {
  const root = new URL("../../", import.meta.url).pathname;
  const sources = globSync(["src/**/*.ts", "charts/berth/templates/**"], { cwd: root, exclude: ["**/*.test.ts"] })
    .filter((path) => /\.(ts|yaml|tpl)$/.test(path))
    .map((path) => readFileSync(root + path, "utf8"))
    .join("\n");
  const others = [
    "invalid ownership metadata",
    "ErrImagePull",
    "ErrImageNeverPull",
    "as the role berth-controller of the chart does",
  ];
  const messages = messagesIn(readFileSync(`${root}docs/troubleshooting.md`, "utf8"));
  expect(messages.length).toBeGreaterThan(8);
  expect(messages.filter((text) => !others.includes(text) && !sources.includes(text))).toEqual([]);
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
  aws: {
    region: "eu-west-1",
    vpcID: "vpc-01234567",
    endpoint: "https://a",
    allowCustomEndpoint: true,
    rulesPerGroup: 80,
  },
  gcp: {
    project: "shop",
    region: "europe-west1",
    networkProject: "host",
    network: "shop",
    subnetwork: "nodes",
    backends: "instance-groups",
    nodeTags: ["node"],
    disableFirewalls: true,
    probeRanges: ["192.0.2.0/24"],
    internalRanges: ["10.0.0.0/8"],
    endpoint: "https://b",
    allowCustomEndpoint: true,
  },
};
