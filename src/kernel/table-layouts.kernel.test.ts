import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Family } from "../net/index.ts";
import { addNetns, deleteNetns, execOk, netnsExec, openTableLayouts, systemExec } from "./index.ts";
import { inNetns } from "./testing/netns.ts";

const host = systemExec({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });
const signal = new AbortController().signal;
const tools = { IPv4: "iptables-legacy", IPv6: "ip6tables-legacy" } as const;

describe.runIf(existsSync("/usr/sbin/iptables-legacy")).each<Family>(["IPv4", "IPv6"])("%s layouts", (family) => {
  const netns = `bt-layout-${randomBytes(4).toString("hex")}`;
  const run = (...args: readonly string[]) => execOk(netnsExec(host, netns), tools[family], args, { signal });
  beforeAll(() => addNetns(host, netns, { signal }));
  afterAll(() => deleteNetns(host, netns, { signal }));

  it("change with each rule and chain, in the namespace in which they were opened, and come back with them", async () => {
    using layouts = inNetns(netns, openTableLayouts);
    using outside = openTableLayouts();
    const elsewhere = outside.of(family, "nat");
    const seen: (string | undefined)[] = [];
    for (const args of ["-N ONE", "-A ONE -j ACCEPT", "-A INPUT -j ONE", "-R ONE 1 -m comment --comment x -j ACCEPT"]) {
      await run("-t", "nat", ...args.split(" "));
      seen.push(layouts.of(family, "nat"));
    }
    expect(new Set(seen).size).toBe(4);
    const moved = ["-D INPUT 1", "-A OUTPUT -j ONE"];
    for (const args of moved) await run("-t", "nat", ...args.split(" "));
    expect(seen).not.toContain(layouts.of(family, "nat"));
    for (const args of ["-D OUTPUT 1", "-A INPUT -j ONE"]) await run("-t", "nat", ...args.split(" "));
    expect(layouts.of(family, "nat")).toBe(seen[3]);
    expect(outside.of(family, "nat")).toBe(elsewhere);
  });

  it("are the same after counters were set to 0, and do not tell of tables that there are not", async () => {
    using layouts = inNetns(netns, openTableLayouts);
    await run("-t", "filter", "-A", "INPUT", "-j", "ACCEPT");
    const before = layouts.of(family, "filter");
    await run("-t", "filter", "-Z");
    expect(layouts.of(family, "filter")).toBe(before);
    expect(layouts.of(family, "no-such-table")).toBeUndefined();
  });
});
