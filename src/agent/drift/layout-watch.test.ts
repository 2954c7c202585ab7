import { expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import type { Exec } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import { LayoutWatch } from "./layout-watch.ts";
import { OwnWrites } from "./own-writes.ts";

/** Tables whose layouts are numbers, which `alter` counts up, and a writer of our own that runs `meanwhile`. */
function kernel() {
  const numbers = new Map<string, number>();
  let disposed = 0;
  let asked = 0;
  const alter = (key: string): void => void numbers.set(key, (numbers.get(key) ?? 0) + 1);
  const tables = {
    layout: (family: Family, table: string) => {
      asked += 1;
      return table === "mangle" ? undefined : `${numbers.get(`${family} ${table}`) ?? 0}`;
    },
    contents: (family: Family, table: string) => `${table} of ${family}`,
    [Symbol.dispose]: () => void disposed++,
  };
  const ownWrites = new OwnWrites(new FakeClock());
  const watch = new LayoutWatch(tables, ["IPv4", "IPv6"], ownWrites);
  const write = async (meanwhile: () => void): Promise<void> => {
    const exec: Exec = {
      run: async () => {
        meanwhile();
        return { code: 0, stdout: "", stderr: "" };
      },
    };
    await ownWrites.through(exec).run("iptables-restore", [], { signal: new AbortController().signal });
  };
  return { watch, alter, write, disposed: () => disposed, asked: () => asked };
}

it("tells of a table until it is read, and of no other", () => {
  const { watch, alter } = kernel();
  expect(watch.isAltered("IPv4", "nat")).toBe(false);
  alter("IPv4 nat");
  expect([watch.isAltered("IPv4", "nat"), watch.isAltered("IPv4", "nat")]).toEqual([true, true]);
  expect([watch.isAltered("IPv4", "filter"), watch.isAltered("IPv6", "nat")]).toEqual([false, false]);
  watch.read("IPv4", "nat");
  expect(watch.isAltered("IPv4", "nat")).toBe(false);
  watch.doubt("IPv4", "nat");
  expect(watch.isAltered("IPv4", "nat")).toBe(true);
});

it("does not tell of what we write ourselves", async () => {
  const { watch, alter, write, asked } = kernel();
  await write(() => {
    alter("IPv4 nat");
    const before = asked();
    expect(watch.isAltered("IPv4", "nat")).toBe(false);
    expect(asked()).toBe(before);
    expect([watch.contents("IPv4", "nat"), watch.contents("IPv6", "nat")]).toEqual([undefined, "nat of IPv6"]);
  });
  expect(watch.contents("IPv4", "nat")).toBe("nat of IPv4");
  expect(watch.isAltered("IPv4", "nat")).toBe(false);
});

it("tells of what others did before we wrote, and of other families meanwhile", async () => {
  const { watch, alter, write } = kernel();
  alter("IPv4 filter");
  await write(() => {
    alter("IPv4 filter");
    alter("IPv6 nat");
    expect(watch.isAltered("IPv6", "nat")).toBe(true);
  });
  expect(watch.isAltered("IPv4", "filter")).toBe(true);
  watch.read("IPv4", "filter");
  expect(watch.isAltered("IPv4", "filter")).toBe(false);
});

it("has nothing to tell of a table that cannot be asked for", () => {
  const { watch } = kernel();
  expect(watch.isAltered("IPv4", "mangle")).toBe(false);
});

it("closes its layouts", async () => {
  const { watch, write, disposed, asked } = kernel();
  watch[Symbol.dispose]();
  expect(disposed()).toBe(1);
  const before = asked();
  await write(() => {});
  expect(asked()).toBe(before);
});
