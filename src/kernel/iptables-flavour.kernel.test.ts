import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addNetns,
  deleteNetns,
  findIptables,
  findRefused,
  flavouredExec,
  Iptables,
  LockHeldError,
  netnsExec,
  systemExec,
} from "./index.ts";
import { flavours, host, rootPath } from "./testing/machine.ts";

const signal = new AbortController().signal;
const netns = `bt-flavour-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);

beforeAll(() => addNetns(host, netns, { signal }));
afterAll(() => deleteNetns(host, netns, { signal }));

function iptables(flavour: "nft" | "legacy"): Iptables {
  return new Iptables(flavouredExec(inside, flavour), "IPv4");
}

it.runIf(flavours.length === 2)(
  "finds the implementation that the node uses, and a proxy's rules in the other",
  async () => {
    const none = await findIptables(inside, signal);
    expect(none).toMatchObject({ flavour: undefined, conflicting: undefined });
    expect(none.version.numbers[0]).toBe(1);

    await iptables("legacy").restore("*filter\n-A INPUT -s 10.9.9.9 -j DROP\nCOMMIT\n", signal);
    expect(await findIptables(inside, signal)).toMatchObject({ flavour: "legacy", version: { flavour: "legacy" } });

    await iptables("nft").restore("*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n", signal);
    const hinted = await findIptables(inside, signal);
    expect(hinted).toMatchObject({ flavour: "nft", version: { flavour: "nft" }, conflicting: undefined });
    await new Iptables(hinted.exec, "IPv4").restore("*mangle\n:MINE - [0:0]\nCOMMIT\n", signal);
    expect((await iptables("nft").save(signal)).get("mangle")?.has("MINE")).toBe(true);

    await iptables("legacy").restore("*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-A - [0:0]\nCOMMIT\n", signal);
    expect((await findIptables(inside, signal)).conflicting).toMatchObject({ flavour: "legacy", proxyChains: 2 });
  },
);

describe.each(flavours)("iptables-%s", (flavour) => {
  it("tells by trial what the kernel or the tool refuses, and leaves nothing behind", async () => {
    const before = await iptables(flavour).save(signal);
    const candidate = (name: string, ...rules: string[]) => ({
      table: name === "reject" ? "filter" : "nat",
      name,
      rules,
    });
    const { refused } = await findRefused(
      iptables(flavour),
      [
        candidate("tcp", "-p tcp -m tcp --dport 80 -j KUBE-SVC-NOT-THERE"),
        candidate("object", "-m statistic --mode random --probability 0.5", "-m nfacct --nfacct-name nowhere"),
        candidate("match", "-m nosuchmatch"),
        candidate("reject", "-j REJECT"),
        candidate("port", "-p tcp -m tcp --dport 99999"),
        candidate("dnat", "-p tcp -j DNAT --to-destination 10.0.0.1:80"),
        candidate("table", "-j REJECT"),
      ],
      { maxRestores: 16 },
      signal,
    );
    const why = Object.fromEntries(refused.map((one) => [one.candidate.name, one.why]));
    expect(why).toEqual({
      match: expect.stringMatching(/nosuchmatch.*\(-m nosuchmatch\)$/),
      object:
        flavour === "nft"
          ? "RULE_APPEND failed (No such file or directory) (-m nfacct --nfacct-name nowhere)"
          : "refused at commit, without a reason",
      port: expect.stringMatching(/99999.*\(-p tcp -m tcp --dport 99999\)$/),
      table: expect.any(String),
    });
    const after = await iptables(flavour).save(signal);
    for (const [table, chains] of before) expect(after.get(table)).toEqual(chains);
    expect([...after.values()].some((chains) => chains.has("BERTH-TRIAL"))).toBe(false);
  });
});

describe.runIf(flavours.includes("legacy"))("a lock that another program holds", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-lock-"));
  const lockFile = join(directory, "xtables.lock");
  let holder: ChildProcess;
  afterAll(() => {
    holder.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  });

  it("ends a restore with the name of the file and of the holder, and then lets it through", async () => {
    holder = spawn("flock", ["--no-fork", lockFile, "sh", "-c", "echo held; exec sleep 600"]);
    await once(holder.stdout!, "data");
    const locked = systemExec({ PATH: rootPath, XTABLES_LOCKFILE: lockFile });
    const exec = flavouredExec(netnsExec(locked, netns), "legacy");
    const impatient = new Iptables(exec, "IPv4", { lockWaitSeconds: 1 });
    const input = "*nat\n:LOCKED - [0:0]\nCOMMIT\n";
    const error = await impatient.restore(input, signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockHeldError);
    expect((error as Error).message).toBe(
      `iptables-restore: process ${holder.pid} (sleep) has held the lock ${lockFile} for more than 1 s; end it if it hangs`,
    );
    expect((await impatient.save(signal)).get("nat")?.has("LOCKED") ?? false).toBe(false);
    const ended = once(holder, "exit");
    holder.kill("SIGKILL");
    await ended;
    await impatient.restore(input, signal);
    expect((await impatient.save(signal)).get("nat")?.has("LOCKED")).toBe(true);
  });
});
