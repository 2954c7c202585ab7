// What goes wrong around an agent: its tools, its machine, its rights, what users write. Whatever it is, all others are
// served, the admin is told, and it heals.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { Sandbox, SandboxNode } from "../../sandbox/cluster/index.ts";
import { execOk } from "../../src/kernel/index.ts";
import { FaultyRestore } from "../tools/faulty-program.ts";
import { limit, page, startAgent } from "./agent-process.ts";
import { eventually, startCluster } from "./cluster.ts";
import { awkward, frontends, nodeProxier, slice } from "./fault-objects.ts";

let directory: string;
let sandbox: Sandbox;
let faulty: FaultyRestore;
let path: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "berth-faults-"));
  faulty = new FaultyRestore(directory);
  path = `${faulty.directory}:/usr/sbin:/usr/bin:/sbin:/bin`;
  sandbox = await startCluster({ components: { agents: false, controller: false } });
  await apply(frontends("good", { port: 80 }), slice("good", ["10.0.1.1"]));
});
afterAll(async () => {
  await sandbox?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

it("heals from a tool that dies half-way, and survives its own end in the middle of a restore", async () => {
  const node = nodeAt(0);
  faulty.set({ kind: "kill" });
  {
    await using agent = startAgent(sandbox, node, { path });
    await eventually(async () =>
      expect(agent.log()).toMatch(/"attempt":2.*-restore --noflush -w 5: killed by SIGKILL/),
    );
    expect(await execOk(node.exec, "curl", ["-s", "http://127.0.0.1:10256/healthz"], limit())).toContain(
      '"healthy":false',
    );
    faulty.set({ kind: "none" });
    await agent.healthy();
    expect(await rules(node)).toContain("--to-destination 10.0.1.1:8080");

    await holdRestore(slice("good", ["10.0.1.2"]));
    agent.signal("SIGTERM");
    faulty.set({ kind: "none" });
    expect(await agent.ended).toBe(0);
    expect(agent.log().trimEnd().split("\n").at(-1)).toContain("agent stopped; the rules stay");
    expect(await rules(node)).toContain("--to-destination 10.0.1.2:8080");
    await eventually(async () => expect(await processes(node)).toEqual([]));
  }
  {
    await using agent = await startAgent(sandbox, node, { path }).healthy();
    expect(agent.log().match(/all rules are in place; nothing written/g)).toHaveLength(2);
    await holdRestore(slice("good", ["10.0.1.3"]));
    agent.signal("SIGKILL");
    expect(await agent.ended).toBe("SIGKILL");
    faulty.set({ kind: "none" });
    // What had its input is let finish: it was a whole restore.
    await eventually(async () => expect(await processes(node)).toEqual([]));
  }
  await using _agent = await startAgent(sandbox, node, { path }).healthy();
  expect(await rules(node)).toContain("--to-destination 10.0.1.3:8080");
});

it("leaves out the one Service whose line or table is refused, says so, and serves it when it changes", async () => {
  const node = nodeAt(0);
  await using agent = await startAgent(sandbox, node, { path }).healthy();
  const served = await rules(node);
  for (const [kind, ip] of [
    ["line", "10.0.2.1"],
    ["commit", "10.0.2.2"],
  ] as const) {
    faulty.set({ kind, text: `${ip}:` });
    await apply(frontends("bad", { port: 81 }), slice("bad", [ip]));
    await eventually(async () => expect(JSON.parse(await page(node, "/debug/state")).isolated).toHaveLength(1));
    const after = await rules(node);
    expect(after).not.toContain("default/bad");
    expect(after.split("\n")).toEqual(expect.arrayContaining(served.split("\n")));
    expect(agent.log()).toMatch(/"level":"error".*service isolated.*"service":"default\/bad"/);
    await eventually(async () =>
      expect(await sandbox.kubectl(["get", "events"])).toMatch(
        /RulesRefused +service\/bad +node node1, perhaps others: its IPv4 rules/,
      ),
    );
    await eventually(async () => expect(await report(node)).toContain('"isolated":[{"service":"default/bad"'));
    await apply(slice("bad", ["10.0.2.9"]));
    await eventually(async () => expect(await rules(node)).toContain("--to-destination 10.0.2.9:8080"));
    await eventually(async () => expect(JSON.parse(await page(node, "/debug/state")).isolated).toEqual([]));
  }
});

it("serves what can be served of what the API server lets through, and tells of the rest", async () => {
  const node = nodeAt(0);
  await using _agent = await startAgent(sandbox, node).healthy();
  const served = await rules(node);
  const own = node.addresses[0] ?? "";
  const listener = `require("net").createServer().listen(4321, "0.0.0.0")`;
  const stop = new AbortController();
  const command = ["--pdeathsig", "KILL", "--", process.execPath, "-e", listener];
  const listening = node.exec.run("setpriv", command, { signal: stop.signal }).catch(() => {});
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    stop.abort();
    await listening;
  });
  await eventually(async () => expect(await execOk(node.exec, "ss", ["-ltnH"], limit())).toContain("0.0.0.0:4321"));
  await apply(...awkward(own, sandbox.fabric.addresses[0] ?? ""));
  await eventually(async () => {
    const { refused } = JSON.parse(await page(node, "/debug/state")) as {
      refused: { frontend: string; why: string }[];
    };
    const said = refused.map(
      ({ frontend, why }) => `${frontend}: ${why.replace(/Service default\/.*/, "Service ...")}`,
    );
    expect(said.toSorted()).toEqual(
      [
        `ExternalIP ${own}:22/TCP: the node needs this port on its own address`,
        `ExternalIP ${own}:10250/TCP: the node needs this port on its own address`,
        `ExternalIP ${own}:31000/TCP: the node needs this port on its own address`,
        `ExternalIP ${own}:4321/TCP: a process of the node listens on this port`,
        `ExternalIP ${sandbox.fabric.addresses[0]}:6443/TCP: this is the API server's own address and port`,
        // Older, or made in the same second.
        "ExternalIP 198.51.100.7:80/TCP: Service ...",
      ].toSorted(),
    );
  });
  await eventually(async () => {
    const found = await rules(node);
    expect(found.match(/--to-destination 10\.1\.\d+\.\d+:8080/g)).toHaveLength(1000);
    expect(found.match(/--to-destination 10\.0\.3\.1:8080/g)).toHaveLength(1);
    expect(found).toContain(`-d ${own}/32 -p tcp -m comment --comment "default/own:fine external IP"`);
    expect(found).toContain(`"default/${"n".repeat(63)}:${"p".repeat(63)}`);
    expect(found).not.toMatch(/10\.0\.4\.\d+:0/);
    // So many endpoints make it a large cluster, whose rules go without comments.
    expect(bare(found)).toEqual(expect.arrayContaining(bare(served)));
  });
  await eventually(async () => expect(await report(node)).toContain("a process of the node listens on this port"));
});

it("serves on when neither its log nor the lock of iptables-legacy has room on the disk", async () => {
  const node = nodeAt(1);
  await execOk(node.exec, "iptables-legacy", ["-t", "mangle", "-N", "KUBE-KUBELET-CANARY"], limit());
  // The run's own directory is in /run.
  const kubeconfig = copyKubeconfig("node2", "node.kubeconfig", (user) => user);
  const fill = "touch /run/a /run/b 2> /dev/null";
  const mounts = "mount --make-rprivate / && mount -t tmpfs -o size=4k,nr_inodes=2 none /run";
  const full = { kubeconfig, mounts: `${mounts}; ${fill}` };
  {
    await using agent = startAgent(sandbox, node, full);
    expect(await agent.ended).toBe(1);
    expect(agent.log()).toMatch(
      /^berth agent: iptables-restore: cannot open the lock file \/run\/xtables.lock \(No space left on device\); make/m,
    );
  }
  await using agent = await startAgent(sandbox, node, { kubeconfig, mounts, logFile: "/dev/full" }).healthy();
  const machine = (script: string): Promise<string> =>
    execOk(node.exec, "nsenter", [`--mount=/proc/${agent.pid}/ns/mnt`, "--", "sh", "-c", script], limit());
  await machine(`rm -f /run/xtables.lock; ${fill}; true`);
  await apply(frontends("late", { port: 82 }), slice("late", ["10.0.5.1"]));
  const failures = /^kubeproxy_sync_proxy_rules_iptables_restore_failures_total\{ip_family="IPv4"\} [1-9]/m;
  await eventually(async () => expect(await page(node, "/metrics")).toMatch(failures));
  expect(await page(node, "/debug/state")).toContain("cannot open the lock file /run/xtables.lock");
  await machine("rm /run/a");
  await eventually(async () => expect(await rules(node, "iptables-legacy-save")).toContain("10.0.5.1:8080"));
  agent.signal("SIGINT");
  expect(await agent.ended).toBe(0);
});

it("does all that kube-proxy's rights and a machine with little allow", async () => {
  const node = nodeAt(2);
  await sandbox.kubectl(["apply", "-f", "-"], JSON.stringify(nodeProxier));
  const token = (await sandbox.kubectl(["create", "token", "kube-proxy", "-n", "kube-system"])).trim();
  const kubeconfig = copyKubeconfig("node3", "node.kubeconfig", () => ({ token }));
  await execOk(node.exec, "sysctl", ["-qw", "net.ipv6.conf.all.disable_ipv6=1"], limit());
  const few = join(directory, "few");
  mkdirSync(few);
  for (const program of ["iptables", "iptables-save", "iptables-restore", "iptables-nft-save", "iptables-nft-restore"])
    symlinkSync(`/usr/sbin/${program}`, join(few, program));
  const mounts = "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys";
  await apply(frontends("dns", { port: 53, protocol: "UDP" }), slice("dns", ["10.0.6.1"], { protocol: "UDP" }));
  await using agent = await startAgent(sandbox, node, { kubeconfig, mounts, path: few }).healthy();
  await apply(slice("dns", ["10.0.6.2"], { protocol: "UDP" }));
  await eventually(async () => expect(await rules(node)).toContain("10.0.6.2:8080"));
  const warned = (): readonly string[] =>
    agent
      .log()
      .split("\n")
      .filter((line) => line.includes('"level":"warn"'));
  await eventually(async () =>
    expect(warned().filter((line) => line.includes("node report not written"))).toHaveLength(1),
  );
  expect(warned().find((line) => line.includes("node report"))).toContain(
    "give the agent the role berth-agent of the chart",
  );
  expect(warned().join("\n")).toMatch(/nf_conntrack_tcp_timeout_close_wait.*cannot be written \(EROFS/);
  await eventually(async () =>
    expect(warned().filter((line) => line.includes("program conntrack not found"))).toHaveLength(1),
  );
  expect(agent.log()).toMatch(/not counted.*program nfacct not found/);
  expect(agent.log()).toMatch(/address family not served.*IPv6/);
  await eventually(async () => expect(await sandbox.kubectl(["get", "events"])).toMatch(/Starting +node\/node3/));

  const before = await rules(node);
  const object = JSON.parse(await sandbox.kubectl(["get", "node", "node3", "-o", "json"]));
  await sandbox.kubectl(["delete", "node", "node3", "--wait=false"]);
  await eventually(async () =>
    expect(await execOk(node.exec, "curl", ["-s", "http://127.0.0.1:10256/healthz"], limit())).toContain(
      '"nodeEligible":false',
    ),
  );
  expect(await rules(node)).toBe(before);
  const { name, labels } = object.metadata;
  await sandbox.kubectl(["create", "-f", "-"], JSON.stringify({ ...object, metadata: { name, labels } }));
  await agent.healthy();
  expect(await rules(node)).toBe(before);
});

function nodeAt(index: number): SandboxNode {
  const node = sandbox.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node;
}

async function apply(...objects: readonly object[]): Promise<void> {
  await sandbox.kubectl(["apply", "-f", "-"], objects.map((object) => JSON.stringify(object)).join("\n---\n"));
}

/** Makes a change, and resolves when a restore that follows from it waits. */
async function holdRestore(change: object): Promise<void> {
  faulty.set({ kind: "hold" });
  await apply(change);
  await eventually(async () => expect(faulty.isHeld).toBe(true));
}

async function rules(node: SandboxNode, program = "iptables-nft-save"): Promise<string> {
  const saved = await execOk(node.exec, program, [], limit());
  return saved
    .split("\n")
    .filter((line) => line.startsWith("-A "))
    .join("\n");
}

/** Without comments. */
function bare(text: string): string[] {
  return text.split("\n").map((rule) => rule.replace(/ -m comment --comment (?:"[^"]*"|\S+)/, ""));
}

/** What runs in the network namespace of a node. */
async function processes(node: SandboxNode): Promise<readonly string[]> {
  const pids = await execOk(sandbox.fabric.exec, "ip", ["netns", "pids", node.netns], limit());
  return pids
    .split("\n")
    .filter((pid) => pid !== "" && existsSync(`/proc/${pid}/cmdline`))
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
}

async function report(node: SandboxNode): Promise<string> {
  const lease = await sandbox.kubectl([
    "get",
    "lease",
    "-n",
    "berth-node-lease",
    `berth-agent-${node.name}`,
    "-o",
    "json",
  ]);
  return (JSON.parse(lease) as { metadata: { annotations: Record<string, string> } }).metadata.annotations[
    "berth.dev/report"
  ] as string;
}

/** One of the run's kubeconfigs, as another user and outside of /run. */
function copyKubeconfig(name: string, from: string, as: (user: object) => object): string {
  const config = parse(readFileSync(join(sandbox.runDir, from), "utf8")) as { users: { user: object }[] };
  config.users = config.users.map((entry) => ({ ...entry, user: as(entry.user) }));
  const file = join(directory, `${name}.kubeconfig`);
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}
