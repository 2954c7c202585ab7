import { expect, it } from "vitest";
import { affinityNotes } from "./affinity-limit.ts";

it.each([
  ["100\n", 100],
  ["10000\n", undefined],
  ["?", undefined],
  [undefined, undefined],
])("tells how many clients of an endpoint the kernel remembers: %j", async (text, count) => {
  const read = async (path: string) => (path === "/sys/module/xt_recent/parameters/ip_list_tot" ? text : undefined);
  expect((await affinityNotes({ read })).map(([level, , fields]) => [level, fields.count])).toEqual(
    count === undefined ? [] : [["info", count]],
  );
});
