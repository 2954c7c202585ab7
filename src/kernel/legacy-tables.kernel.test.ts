import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Family } from "../net/index.ts";
import { addNetns, deleteNetns, execOk, netnsExec, openLegacyTables, systemExec } from "./index.ts";
import { inNetns } from "./testing/netns.ts";

const host = systemExec({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });
const signal = new AbortController().signal;
const programs = { IPv4: "iptables-legacy", IPv6: "ip6tables-legacy" } as const;

describe.runIf(existsSync("/usr/sbin/iptables-legacy")).each<Family>(["IPv4", "IPv6"])(
  "%s tables of iptables-legacy",
  (family) => {
    const netns = `bt-layout-${randomBytes(4).toString("hex")}`;
    const run = (...args: readonly string[]) => execOk(netnsExec(host, netns), programs[family], args, { signal });
    beforeAll(() => addNetns(host, netns, { signal }));
    afterAll(() => deleteNetns(host, netns, { signal }));

    it("have layouts that change with each rule and chain, in the namespace in which they were opened, and come back with them", async () => {
      using tables = inNetns(netns, openLegacyTables);
      using outside = openLegacyTables();
      const elsewhere = outside.layout(family, "nat");
      const seen: (string | undefined)[] = [];
      for (const args of [
        "-N ONE",
        "-A ONE -j ACCEPT",
        "-A INPUT -j ONE",
        "-R ONE 1 -m comment --comment x -j ACCEPT",
      ]) {
        await run("-t", "nat", ...args.split(" "));
        seen.push(tables.layout(family, "nat"));
      }
      expect(new Set(seen).size).toBe(4);
      const moved = ["-D INPUT 1", "-A OUTPUT -j ONE"];
      for (const args of moved) await run("-t", "nat", ...args.split(" "));
      expect(seen).not.toContain(tables.layout(family, "nat"));
      for (const args of ["-D OUTPUT 1", "-A INPUT -j ONE"]) await run("-t", "nat", ...args.split(" "));
      expect(tables.layout(family, "nat")).toBe(seen[3]);
      expect(outside.layout(family, "nat")).toBe(elsewhere);
    });

    it("have layouts that are the same after counters were set to 0, and do not tell of tables that there are not", async () => {
      using tables = inNetns(netns, openLegacyTables);
      await run("-t", "filter", "-A", "INPUT", "-j", "ACCEPT");
      const before = tables.layout(family, "filter");
      await run("-t", "filter", "-Z");
      expect(tables.layout(family, "filter")).toBe(before);
      expect(tables.layout(family, "no-such-table")).toBeUndefined();
    });

    it("have contents that change with every rule and policy, and with no packet", async () => {
      using tables = inNetns(netns, openLegacyTables);
      const destinations = family === "IPv4" ? ["192.0.2.1", "192.0.2.2"] : ["2001:db8::1", "2001:db8::2"];
      const loopback = family === "IPv4" ? "127.0.0.1" : "::1";
      await run("-t", "mangle", "-A", "OUTPUT", "-d", `${destinations[0]}`, "-j", "MARK", "--set-mark", "0x1");
      await run("-t", "mangle", "-A", "OUTPUT", "-d", loopback, "-j", "MARK", "--set-mark", "0x2");
      const seen = [tables.contents(family, "mangle")];
      await execOk(netnsExec(host, netns), "ip", ["link", "set", "lo", "up"], { signal });
      const send = `require("node:dgram").createSocket("${family === "IPv4" ? "udp4" : "udp6"}").unref().send("x", 9, "${loopback}")`;
      await execOk(netnsExec(host, netns), process.execPath, ["-e", send], { signal });
      expect(await run("-t", "mangle", "-vnL", "OUTPUT")).toMatch(/^ +[1-9]\d* .*MARK set 0x2/m);
      expect(tables.contents(family, "mangle")).toBe(seen[0]);
      for (const args of [
        `-R OUTPUT 1 -d ${destinations[1]} -j MARK --set-mark 0x1`,
        `-R OUTPUT 1 -d ${destinations[1]} -j MARK --set-mark 0x3`,
        "-P FORWARD DROP",
        "-D OUTPUT 1",
      ]) {
        const layout = tables.layout(family, "mangle");
        await run("-t", "mangle", ...args.split(" "));
        seen.push(tables.contents(family, "mangle"));
        expect(tables.layout(family, "mangle") === layout).toBe(!args.startsWith("-D"));
      }
      expect(new Set(seen).size).toBe(5);
      expect(seen).not.toContain(undefined);
      expect(tables.contents(family, "no-such-table")).toBeUndefined();
    });
  },
);
