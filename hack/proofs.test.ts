import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const page = new URL("../docs/controller-proofs.md", import.meta.url);
/** A row: what is proved, words of a title in backquotes or nothing, and the file. */
const row = /^\| .+ \| (?:`([^`]+)`)? *\| \[`[^`]+`\]\(([^)]+)\) *\|$/;

it("docs/controller-proofs.md names tests that there are", async () => {
  const lines = (await readFile(page, "utf8")).split("\n").filter((line) => line.includes("]("));
  expect(lines.length).toBeGreaterThan(50);
  expect(lines.filter((line) => !row.test(line))).toEqual([]);
  const missing: string[] = [];
  for (const line of lines) {
    const [, title = "", path = ""] = row.exec(line) ?? [];
    const text = await readFile(new URL(path, page), "utf8");
    if (!text.includes(title)) missing.push(`${path}: ${title}`);
  }
  expect(missing).toEqual([]);
});
