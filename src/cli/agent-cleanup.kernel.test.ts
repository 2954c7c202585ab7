import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addNetns, deleteNetns, ipBatch, listLocalRoutes, netnsExec } from "../kernel/index.ts";
import { host } from "../kernel/testing/machine.ts";

const options = { signal: new AbortController().signal };
const netns = `bt-cleanup-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);
const main = join(import.meta.dirname, "main.ts");

beforeAll(() => addNetns(host, netns, options));
afterAll(() => deleteNetns(host, netns, options));

const cleanUp = (before: readonly string[], ...args: readonly string[]) =>
  inside.run("/usr/bin/env", [...before, process.execPath, main, "agent", "cleanup", ...args], options);

it("deletes a proxy's rules, and fails naming what it may not delete", async () => {
  const stdin = "*nat\n:KUBE-SERVICES - [0:0]\n-I PREROUTING 1 -j KUBE-SERVICES\nCOMMIT\n";
  for (const flavour of ["nft", "legacy"])
    await inside.run(`iptables-${flavour}-restore`, ["--noflush"], { ...options, stdin });
  const refused = await cleanUp(["setpriv", "--reuid=65534", "--clear-groups"]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /^berth agent: not permitted .*; run as root or with CAP_NET_ADMIN and CAP_NET_RAW\n$/,
  );

  // A lock file in no directory is what legacy alone needs.
  const failed = await cleanUp(["XTABLES_LOCKFILE=/nonexistent/lock"]);
  expect(failed).toMatchObject({ code: 1, stdout: "removed IPv4 (nft): 1 chains and 1 jumps\n" });
  expect(failed.stderr).toMatch(
    /^berth agent: IPv4 \(legacy\) not removed: iptables-restore: cannot open the lock file \/nonexistent\/lock .*\n$/,
  );
  await inside.run("iptables-nft-restore", ["--noflush"], { ...options, stdin });

  expect(await cleanUp([], "--iptables=legacy")).toEqual({
    code: 0,
    stdout: "removed IPv4 (legacy): 1 chains and 1 jumps\n",
    stderr: "",
  });
  expect((await inside.run("iptables-nft-save", [], options)).stdout).toContain("KUBE-SERVICES");
  expect((await cleanUp([])).stdout).toBe("removed IPv4 (nft): 1 chains and 1 jumps\n");
  await inside.run("iptables-nft-restore", ["--noflush"], { ...options, stdin: stdin.replaceAll("KUBE", "BERTH") });
  expect(await cleanUp([])).toEqual({ code: 0, stdout: "no rules of a service proxy found\n", stderr: "" });
  expect((await cleanUp([], "--iptables-chain-prefix=BERTH")).stdout).toBe(
    "removed IPv4 (nft): 1 chains and 1 jumps\n",
  );
  expect(await cleanUp([], "--iptables-chain-prefix=berth")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--iptables-chain-prefix: "berth" is no prefix; give 1 to 7 upper-case letters'),
  });
  expect((await inside.run("iptables-nft-save", [], options)).stdout).not.toContain("KUBE-");
});

it("deletes the agent's local routes, and nobody else's", async () => {
  const lines = [
    "link set lo up",
    "route add local 34.1.2.3/32 dev lo table local proto 107",
    "route add local 2600:1901::1/128 dev lo table local proto 107",
    "route add local 34.1.2.4/32 dev lo table local proto 66",
  ];
  await ipBatch(inside, lines, options);
  // Of another prefix of chains it is another agent that has none.
  expect((await cleanUp([], "--iptables-chain-prefix=BERTH")).stdout).not.toContain("routes");
  expect((await cleanUp([])).stdout).toBe(
    "removed IPv4: local routes to 34.1.2.3\nremoved IPv6: local routes to 2600:1901::1\n",
  );
  const left = await listLocalRoutes(inside, "IPv4", options);
  expect(left.map(({ protocol }) => protocol).filter((protocol) => protocol !== "kernel")).toEqual(["66"]);
});
