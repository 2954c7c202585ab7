import fc from "fast-check";
import { expect, it } from "vitest";
import type { ExecResult } from "./index.ts";
import { Nfacct } from "./index.ts";
import { parseNfacct } from "./nfacct.ts";

const signal = new AbortController().signal;

it("reads back every counter that is printed", () => {
  const name = fc.stringMatching(/^[a-z_]{1,31}$/);
  const counter = fc.record({ name, packets: fc.nat(), bytes: fc.nat(), quota: fc.boolean() });
  fc.assert(
    fc.property(fc.uniqueArray(counter, { selector: (one) => one.name }), (counters) => {
      const text = counters.map(({ name: is, packets, bytes, quota }) => {
        const [pkts, octets] = [packets, bytes].map((n) => `${n}`.padStart(20, "0"));
        return `{ pkts = ${pkts}, bytes = ${octets}${quota ? ", quota = 5, overquota = 0" : ""} } = ${is};\n`;
      });
      expect(parseNfacct(text.join(""))).toEqual(new Map(counters.map((one) => [one.name, one.packets])));
    }),
  );
});

it("makes only what is missing, and takes one that came meanwhile for granted", async () => {
  const calls: string[] = [];
  const nfacct = new Nfacct({
    async run(_program, args): Promise<ExecResult> {
      calls.push(args.join(" "));
      if (args[0] === "list")
        return { code: 0, stdout: "{ pkts = 00000000000000000007, bytes = 00000000000000000420 } = a;\n", stderr: "" };
      return {
        code: 1,
        stdout: "",
        stderr: args[1] === "b" ? "nfacct v1.0.2: error: Device or resource busy\n" : "no\n",
      };
    },
  });
  await nfacct.ensure(["a", "b"], signal);
  expect(calls).toEqual(["list", "add b"]);
  await expect(nfacct.ensure(["c"], signal)).rejects.toThrow("nfacct add c: exit code 1: no");
});
