import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sleep } from "../base/index.ts";
import { addNetns, deleteNetns, ipBatch, listLocalRoutes, netnsExec, netnsPath } from "../kernel/index.ts";
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

const health = "http://127.0.0.1:10256/healthz";

/** An agent that takes the place of one that is to leave the node; with its first answer. */
async function cleaner(...flags: readonly string[]): Promise<{ child: ChildProcess; said: () => string }> {
  const inNode = [`--net=${netnsPath(netns)}`, "--", process.execPath, main, "agent", "--cleanup-and-stay", ...flags];
  const child = spawn("nsenter", inNode, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  while (!said.includes("node is clean") && child.exitCode === null) await sleep(20, options.signal);
  return { child, said: () => said };
}

it("in place of an agent deletes the rules, is healthy then, and stays until it is stopped", async () => {
  await inside.run("ip", ["link", "set", "lo", "up"], options);
  const stdin = "*nat\n:KUBE-SERVICES - [0:0]\n-I PREROUTING 1 -j KUBE-SERVICES\nCOMMIT\n";
  await inside.run("iptables-nft-restore", ["--noflush"], { ...options, stdin });
  const { child, said } = await cleaner();
  expect(said()).toContain("removed IPv4 (nft): 1 chains and 1 jumps\n");
  expect((await inside.run("iptables-nft-save", [], options)).stdout).not.toContain("KUBE-");
  expect((await inside.run("curl", ["--silent", health], options)).stdout).toBe("ok\n");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

it("leaves the node to another proxy that is alive on it", async () => {
  const answer = 'require("http").createServer((_, a) => a.end("iptables")).listen(10249, () => console.log("up"))';
  const inNode = [`--net=${netnsPath(netns)}`, "--", process.execPath, "--eval", answer];
  const peer = spawn("nsenter", inNode, { stdio: ["ignore", "pipe", "inherit"] });
  await once(peer.stdout, "data");
  const stdin = "*nat\n:KUBE-SERVICES - [0:0]\n-I PREROUTING 1 -j KUBE-SERVICES\nCOMMIT\n";
  await inside.run("iptables-nft-restore", ["--noflush"], { ...options, stdin });
  const { child, said } = await cleaner();
  expect(said()).toContain("another proxy is alive on this node; its rules stay");
  expect((await inside.run("iptables-nft-save", [], options)).stdout).toContain("KUBE-SERVICES");
  for (const each of [child, peer]) each.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});
