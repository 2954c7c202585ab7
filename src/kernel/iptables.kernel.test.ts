import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Family } from "../net/index.ts";
import { savedRule } from "./fake-iptables.ts";
import {
  canonicalRule,
  type Exec,
  flavouredExec,
  Iptables,
  NotPermittedError,
  netnsExec,
  RestoreError,
} from "./index.ts";
import { addNetns, deleteNetns } from "./netns.ts";
import { flavours, host } from "./testing/machine.ts";
import { serviceRules } from "./testing/rules.ts";

const signal = new AbortController().signal;
const netns = `bt-iptables-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);

beforeAll(() => addNetns(host, netns, { signal }));
afterAll(() => deleteNetns(host, netns, { signal }));

const families: Family[] = ["IPv4", "IPv6"];

describe.each(flavours)("iptables-%s", (flavour) => {
  describe.each(families)("%s", (family) => {
    const iptables = new Iptables(flavouredExec(inside, flavour), family);
    const filterOnly = / -j (REJECT|DROP)$/;
    const natOnly = / -j DNAT/;

    it("saves every rule in the canonical form in which we wrote it", async () => {
      const rules = serviceRules(family);
      const tables = { nat: rules.filter((r) => !filterOnly.test(r)), filter: rules.filter((r) => !natOnly.test(r)) };
      const text = Object.entries(tables).map(([table, list]) =>
        [
          `*${table}`,
          ":TARGET - [0:0]",
          ":RULES - [0:0]",
          ...list.map((rule) => `-A RULES ${rule}`),
          "COMMIT",
          "",
        ].join("\n"),
      );
      await iptables.restore(text.join(""), signal);
      const saved = await iptables.save(signal);
      for (const [table, list] of Object.entries(tables)) {
        const found = saved.get(table)?.get("RULES")?.rules ?? [];
        expect(found.map(canonicalRule)).toEqual(list.map(canonicalRule));
        // And the fake, which unit tests lean on, words them as this tool does.
        expect(found).toEqual(list.map((rule) => savedRule(rule, family)));
      }
      expect(saved.get("filter")?.get("INPUT")).toEqual({ policy: "ACCEPT", rules: [] });
      expect(saved.get("nat")?.get("TARGET")).toEqual({ policy: undefined, rules: [] });
    });

    it("names the line that the tool refuses, and leaves the table as it was", async () => {
      const before = await iptables.save(signal);
      const text = "*nat\n:NEW - [0:0]\n-A NEW -m tcp -p tcp --dport 99999999 -j ACCEPT\nCOMMIT\n";
      const error = await iptables.restore(text, signal).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RestoreError);
      expect(error).toMatchObject({
        line: { number: 3, text: "-A NEW -m tcp -p tcp --dport 99999999 -j ACCEPT" },
        message: expect.stringContaining("invalid port/service `99999999' specified"),
      });
      await expect(iptables.restore("*nat\n:NEW - [0:0]\n-A NEW -j REJECT\nCOMMIT\n", signal)).rejects.toThrow(
        RestoreError,
      );
      expect(await iptables.save(signal)).toEqual(before);
    });

    it("says what to do when it is not permitted", async () => {
      const nobody: Exec = {
        run: (program, args, options) =>
          inside.run("setpriv", ["--reuid=65534", "--clear-groups", program, ...args], options),
      };
      const weak = new Iptables(flavouredExec(nobody, flavour), family);
      const error = await weak.restore("*nat\nCOMMIT\n", signal).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(NotPermittedError);
      expect((error as Error).message).toMatch(/run as root or with CAP_NET_ADMIN and CAP_NET_RAW$/);
    });
  });
});
