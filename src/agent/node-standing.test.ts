import { expect, it } from "vitest";
import { NodeStanding } from "./node-standing.ts";

it("identifies rules however they came to be", async () => {
  const plan = (line: string) => ({ chains: new Map([["KUBE-SVC-A", [line]]]), rows: new Map() });
  const change = (key: string, line: string | undefined) => ({
    key,
    plansAfter: new Map(line === undefined ? [] : [["IPv4" as const, plan(line)]]),
  });
  const hash = async (...steps: ReturnType<typeof change>[]) => {
    const standing = new NodeStanding();
    for (const step of steps) {
      standing.programmed("IPv4", [step]);
      if (step.key === "ns/b") await standing.hashes();
    }
    return (await standing.hashes()).get("IPv4");
  };
  const both = await hash(change("ns/a", "x"), change("ns/b", "y"));
  expect(both).toMatch(/^[0-9a-f]{16}$/);
  expect(
    await hash(
      change("ns/b", "z"),
      change("ns/c", "y"),
      change("ns/b", "y"),
      change("ns/a", "x"),
      change("ns/c", undefined),
    ),
  ).toBe(both);
  expect(await hash(change("ns/a", "y"), change("ns/b", "x"))).not.toBe(both);
  const standing = new NodeStanding();
  standing.programmed("IPv4", [change("ns/a", "x"), change("ns/bad", "?"), change("ns/b", "y")]);
  expect(standing.isolate("IPv4", new Map([["ns/bad", "line 3"]]))).toEqual({
    added: [{ service: "ns/bad", family: "IPv4", why: "line 3" }],
    released: [],
  });
  expect((await standing.hashes()).get("IPv4")).toBe(both);
  expect(standing.isolate("IPv4", new Map()).released).toEqual(["ns/bad"]);
  expect((await standing.hashes()).get("IPv4")).not.toBe(both);
  expect(await hash(change("ns/a", undefined))).toBe("0000000000000000");
  expect(await hash()).toBeUndefined();
});
