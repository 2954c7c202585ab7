import { expect, it } from "vitest";
import { type ExecResult, inputText, ProgramMissingError } from "../kernel/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { NftLeftovers } from "./nft-leftovers.ts";

const signal = new AbortController().signal;
const ok = (stdout: string): ExecResult => ({ code: 0, stdout, stderr: "" });

it("deletes the tables of both families in one transaction, until that succeeds, and then asks no more", async () => {
  const calls: string[] = [];
  const answers = [
    ok("table ip other\ntable ip kube-proxy\ntable ip6 kube-proxy\ntable inet kube-proxy\n"),
    { code: 1, stdout: "", stderr: "Device or resource busy" },
    ok("table ip6 kube-proxy\n"),
    ok(""),
  ];
  const log = new MemoryLog();
  const leftovers = new NftLeftovers(
    {
      async run(program, args, { stdin }) {
        calls.push([program, ...args, inputText(stdin)].join(" ").trim());
        return answers.shift()!;
      },
    },
    ["IPv4", "IPv6"],
    log,
  );
  for (let i = 0; i < 3; i++) await leftovers.remove(signal);
  expect(calls).toEqual([
    "nft list tables",
    "nft -f - delete table ip kube-proxy\ndelete table ip6 kube-proxy",
    "nft list tables",
    "nft -f - delete table ip6 kube-proxy",
  ]);
  expect(log.messages("warn")).toHaveLength(1);
});

it("does nothing where there is no nft", async () => {
  let asked = 0;
  const run = async (program: string): Promise<ExecResult> => {
    asked += 1;
    throw new ProgramMissingError(program, undefined);
  };
  const leftovers = new NftLeftovers({ run }, ["IPv4"], nullLogger);
  await leftovers.remove(signal);
  await leftovers.remove(signal);
  expect(asked).toBe(1);
});
