import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import type { Exec } from "../../kernel/index.ts";
import { OwnWrites, restoredChains, type TableChange } from "./own-writes.ts";

const input = "*nat\n:KUBE-A - [0:0]\n-I OUTPUT 1 -j KUBE-A\n-A KUBE-A -j ACCEPT\nCOMMIT\n";
const options = { signal: new AbortController().signal, stdin: input };
const matters = (chain: string): boolean => chain.startsWith("KUBE-") || chain === "OUTPUT";

let clock = new FakeClock();
let writes = new OwnWrites(clock);
let unseen: TableChange[] = [];
beforeEach(() => {
  clock = new FakeClock();
  writes = new OwnWrites(clock);
  unseen = [];
  writes.track((change) => unseen.push(change));
});

function restoring(code = 0): Exec {
  return writes.through({ run: async () => ({ code, stdout: "", stderr: "" }) });
}

function change(chains: readonly string[], own: Partial<TableChange> = {}): TableChange {
  const process = { pid: 1, name: "iptables-nft-re" };
  return { family: "IPv4", table: "nat", chains: new Set(chains), gone: false, process, ...own };
}

it("takes one transaction of what a restore wrote for its own, and no second", async () => {
  await restoring().run("iptables-restore", [], options);
  expect(writes.claim(change(["KUBE-A", "OUTPUT"]), matters)).toBe(true);
  expect(writes.claim(change(["KUBE-A", "OUTPUT"]), matters)).toBe(false);
  clock.advance(60_000);
  expect(unseen).toEqual([]);
});

it("knows it while the restore runs", async () => {
  const done = Promise.withResolvers<void>();
  const exec = writes.through({
    run: async () => {
      await done.promise;
      return { code: 0, stdout: "", stderr: "" };
    },
  });
  const running = exec.run("iptables-restore", [], options);
  expect(writes.version("IPv4")).toBe(1);
  expect(writes.claim(change(["KUBE-A"]), matters)).toBe(true);
  done.resolve();
  await running;
  expect([writes.version("IPv4"), writes.version("IPv6")]).toEqual([2, 0]);
});

it.each([
  ["of other chains", change(["KUBE-A", "KUBE-B"])],
  ["of none of its chains", change(["CNI"])],
  ["of another family", change(["KUBE-A"], { family: "IPv6" })],
  ["of another table", change(["KUBE-A"], { table: "filter" })],
  ["that took the table away", change(["KUBE-A"], { gone: true })],
  ["of a program that restores nothing", change(["KUBE-A"], { process: { pid: 1, name: "iptables-nft" } })],
  ["of nft", change(["KUBE-A"], { process: { pid: 1, name: "nft" } })],
])("does not take a transaction %s", async (_what, other) => {
  await restoring().run("iptables-restore", [], options);
  expect(writes.claim(other, matters)).toBe(false);
  expect(writes.claim(change(["KUBE-A"]), matters)).toBe(true);
});

it.each(["iptables-nft-re", "iptables-restor", "iptables-legacy", "ip6tables-nft-r", "ip6tables-resto"])(
  "knows %s for a restore",
  async (name) => {
    const family = name.startsWith("ip6") ? "IPv6" : "IPv4";
    await restoring().run(family === "IPv6" ? "ip6tables-restore" : "iptables-restore", [], options);
    const own = change(["KUBE-A", "PREROUTING"], { family, process: { pid: 1, name } });
    expect(writes.claim(own, matters)).toBe(name !== "iptables-legacy");
  },
);

it("expects nothing of a restore that failed", async () => {
  await restoring(1).run("iptables-restore", [], options);
  expect(writes.claim(change(["KUBE-A"]), matters)).toBe(false);
  clock.advance(60_000);
  expect(unseen).toEqual([]);
});

it("tells of a write that nobody saw", async () => {
  await restoring().run("iptables-restore", [], options);
  clock.advance(4999);
  expect(unseen).toEqual([]);
  clock.advance(1);
  expect(unseen).toEqual([change(["KUBE-A", "OUTPUT"], { process: undefined })]);
  expect(writes.claim(change(["KUBE-A"]), matters)).toBe(false);
});

it("expects nothing more when nobody watches any more", async () => {
  const quiet = new OwnWrites(clock);
  const tracking = quiet.track((change) => unseen.push(change));
  const exec = quiet.through({ run: async () => ({ code: 0, stdout: "", stderr: "" }) });
  await exec.run("iptables-restore", [], options);
  tracking[Symbol.dispose]();
  expect(clock.pending).toEqual([]);
  expect(quiet.claim(change(["KUBE-A"]), matters)).toBe(false);
});

it("expects nothing while nobody watches, and of programs that restore nothing", async () => {
  const quiet = new OwnWrites(clock);
  const exec = quiet.through({ run: async () => ({ code: 0, stdout: "", stderr: "" }) });
  await exec.run("iptables-restore", [], options);
  quiet.track(() => {});
  expect(quiet.claim(change(["KUBE-A"]), matters)).toBe(false);
  await exec.run("iptables-save", [], options);
  expect(quiet.claim(change(["KUBE-A"]), matters)).toBe(false);
});

it("reads which chains restore input is about", () => {
  const name = fc.stringMatching(/^[A-Z][A-Z0-9-]{0,27}$/);
  const chains = fc.dictionary(name, fc.array(fc.constantFrom("-j ACCEPT", '-m comment --comment "*x :y" -j DROP')));
  fc.assert(
    fc.property(fc.dictionary(name, chains), (tables) => {
      const text = Object.entries(tables).map(([table, list]) =>
        [
          `*${table}`,
          ...Object.keys(list).map((chain) => `:${chain} - [0:0]`),
          ...Object.entries(list).flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
          "COMMIT\n",
        ].join("\n"),
      );
      const expected = new Map(Object.entries(tables).map(([table, list]) => [table, new Set(Object.keys(list))]));
      expect(restoredChains(text.join(""))).toEqual(expected);
      expect(restoredChains(text.join("").match(/[^]{1,7}/g) ?? [])).toEqual(expected);
    }),
  );
});
