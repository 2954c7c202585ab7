import { expect, it } from "vitest";
import { namesUsed, packagesOf } from "./bundle.ts";

it("tells packages by their paths", () => {
  const inputs = ["src/a.ts", "node_modules/a/b.js", "node_modules/@c/d/e.js", "node_modules/a/node_modules/f/g.js"];
  expect(packagesOf(inputs)).toEqual(["node_modules/@c/d", "node_modules/a", "node_modules/a/node_modules/f"]);
});

it.each([
  ['const { b, a } = await import("x-y");', ["a", "b"]],
  ['const { a } = await import("x-y");\nlater(async () => (await import("x-y")).C);', ["C", "a"]],
  ['const { a } = await import("xxy");', []],
  ['const all = await import("x-y");', []],
])("tells what is used of a package that is imported lazily: %s", (source, names) => {
  expect(namesUsed(source, "x-y")).toEqual(names);
});
