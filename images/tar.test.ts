import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Entry, entriesOf, tarOf } from "./tar.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-tar-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function bytesOf(entries: readonly Entry[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(tarOf(entries)));
}

const long = `${"d".repeat(99)}/${"e".repeat(90)}`;

function lay(): void {
  for (const path of ["tmp", long]) mkdirSync(join(directory, path), { recursive: true });
  chmodSync(join(directory, "tmp"), 0o1777);
  writeFileSync(join(directory, "program"), "x".repeat(513), { mode: 0o4750 });
  writeFileSync(join(directory, "tmp/text"), "", { mode: 0o600 });
  writeFileSync(join(directory, long, "file"), "far");
  symlinkSync("/usr/bin", join(directory, "bin"));
}

it("is what tar reads: of root, without times, with plain rights", async () => {
  lay();
  const { stdout } = spawnSync("tar", ["--list", "--verbose", "--numeric-owner", "--utc", "--full-time", "--file=-"], {
    input: await bytesOf(await entriesOf(directory)),
    encoding: "utf8",
  });
  expect(stdout.replace(/ +/g, " ").trimEnd().split("\n")).toEqual([
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 bin -> /usr/bin",
    `drwxr-xr-x 0/0 0 1970-01-01 00:00:00 ${long.split("/")[0]}/`,
    `drwxr-xr-x 0/0 0 1970-01-01 00:00:00 ${long}/`,
    `-rw-r--r-- 0/0 3 1970-01-01 00:00:00 ${long}/file`,
    "-rwxr-xr-x 0/0 513 1970-01-01 00:00:00 program",
    "drwxrwxrwt 0/0 0 1970-01-01 00:00:00 tmp/",
    "-rw-r--r-- 0/0 0 1970-01-01 00:00:00 tmp/text",
  ]);
});

it("is the same bytes whenever the files were made", async () => {
  lay();
  const before = await bytesOf(await entriesOf(directory));
  utimesSync(join(directory, "program"), 1, 1);
  expect((await bytesOf(await entriesOf(directory))).equals(before)).toBe(true);
});

it.each<[string, Entry]>([
  ["name", { kind: "directory", path: "n".repeat(101), mode: 0o755 }],
  ["target", { kind: "link", path: "link", target: "t".repeat(101) }],
])("refuses a %s that it has no room for", async (_, entry) => {
  await expect(bytesOf([entry])).rejects.toThrow("too long for an archive");
});
