import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { collectCluster, explained } from "./collect.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-collect-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it("leaves what the cluster says when work fails, and says where", async () => {
  const folders: string[] = [];
  const driver = { name: "sandbox", collect: async (folder: string) => void folders.push(folder) } as const;
  const work = explained(driver, "7", async () => {
    throw new Error("no answer");
  });
  await expect(work).rejects.toThrow(/^no answer\nLogs and state of the cluster: \S+e2e\/failed\/sandbox-\d+\/7$/);
  const [folder = ""] = folders;
  expect(existsSync(folder)).toBe(true);
  rmSync(dirname(folder), { recursive: true });
});

it("collects nothing when work succeeds", async () => {
  const driver = { name: "sandbox", collect: () => Promise.reject(new Error("asked")) } as const;
  expect(await explained(driver, "7", async () => 1)).toBe(1);
});

it("writes the log of each pod, and goes on where kubectl fails", async () => {
  const kubectl = async (args: readonly string[]): Promise<string> => {
    if (args.includes("describe")) throw new Error("the server is away");
    if (args[0] === "logs") return args.includes("--previous") ? "" : `log of ${args.at(-1)}`;
    return args.some((arg) => arg.startsWith("--output=jsonpath")) ? "shop web-1\nshop web-2\n" : "objects";
  };
  await collectCluster(kubectl, directory);
  expect(readdirSync(directory).toSorted()).toEqual(["events.txt", "objects.yaml", "overview.txt", "pods", "pods.txt"]);
  expect(readFileSync(join(directory, "pods.txt"), "utf8")).toBe("Error: the server is away");
  const logs = readdirSync(join(directory, "pods")).toSorted();
  expect(logs.map((file) => [file, readFileSync(join(directory, "pods", file), "utf8")])).toEqual([
    ["shop.web-1.log", "log of web-1"],
    ["shop.web-2.log", "log of web-2"],
  ]);
});
