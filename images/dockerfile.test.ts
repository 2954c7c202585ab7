import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { entrypoint, environment, images, layers, version } from "./contents.ts";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly string[];
}

const stages: readonly Stage[] = read("images/Dockerfile")
  .replace(/^#.*\n/gm, "")
  .replace(/\\\n\s*/g, "")
  .split(/^FROM /m)
  .slice(1)
  .map((text) => {
    const [head = "", ...instructions] = text.split("\n").filter((line) => line !== "");
    const [, from = "", name = ""] = /(\S+) AS (\S+)$/.exec(head) ?? [];
    return { name, from, instructions };
  });

/** Of a stage and those that it is made from, the first one first. */
function instructionsOf(name: string, word: string): readonly string[] {
  const stage = stages.find((one) => one.name === name);
  if (stage === undefined) return [];
  const own = stage.instructions
    .filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
  return [...instructionsOf(stage.from, word), ...own];
}

it("has a stage for each image and each of its layers", () => {
  expect(stages.map(({ name }) => name).sort()).toEqual(["base", "build", ...Object.keys(images)].sort());
  for (const [name, image] of Object.entries(images))
    expect(instructionsOf(name, "COPY")).toEqual(
      [...image.layers, name].map((layer) => `--from=build /layers/${layer} /`),
    );
  const used = new Set(Object.values(images).flatMap((image) => image.layers));
  expect([...used].sort()).toEqual(Object.keys(layers).sort());
});

it.each(Object.entries(images))("tells %s what the table does", (name, { user }) => {
  expect(instructionsOf(name, "USER")).toEqual([user]);
  expect(instructionsOf(name, "ENTRYPOINT")).toEqual([JSON.stringify(entrypoint).replaceAll(",", ", ")]);
  const set = Object.entries(environment).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  expect(instructionsOf(name, "ENV")).toEqual([set.join(" ")]);
});

it("starts Node as bin/berth does", () => {
  const [, flags] = /^exec "\$node" (.*) "\$root/m.exec(read("bin/berth")) ?? [];
  expect(environment["NODE_OPTIONS"]).toBe(flags);
});

it("copies all that is wanted to make the layers, and the context lets it through", async () => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["images/main.ts", ...Object.values(images).map(({ entry }) => entry)],
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    outdir: "nowhere",
    write: false,
    metafile: true,
  });
  const sent = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  const copied = instructionsOf("build", "COPY").flatMap((line) => line.split(" ").slice(0, -1));
  const lacks = (places: readonly string[]): readonly string[] =>
    Object.keys(metafile.inputs).filter((path) => !places.some((place) => `${path}/`.startsWith(`${place}/`)));
  expect(Object.keys(metafile.inputs)).toContain("src/cli/agent.ts");
  expect([lacks(copied), lacks(sent)]).toEqual([[], []]);
});

it("gives images the names and the tag that the chart asks for", () => {
  const values = parse(read("charts/berth/values.yaml"));
  const names = new Set([values.agent, values.controller].map(({ image }) => image.repository));
  expect(names).toEqual(new Set(Object.keys(images)));
  expect(parse(read("charts/berth/Chart.yaml"))).toMatchObject({ version, appVersion: version });
  expect(values.image.tag).toBe("");
});
