import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  addNetns,
  deleteNetns,
  type ExecResult,
  execOk,
  ipBatch,
  netnsExec,
  netnsPath,
  systemExec,
} from "../kernel/index.ts";

const main = join(import.meta.dirname, "main.ts");
const path = "/usr/sbin:/usr/bin:/sbin:/bin";
const exec = systemExec({ PATH: path });
const options = { signal: AbortSignal.timeout(60_000) };
const netns = `bt-agent-cli-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(exec, netns);
let directory: string;

beforeAll(async () => {
  await addNetns(exec, netns, options);
  await ipBatch(inside, ["link set lo up"], options);
  directory = await mkdtemp(join(tmpdir(), "berth-agent-cli-"));
  // One of the cases is not root.
  await chmod(directory, 0o755);
  const kubeconfig = {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c" } }],
    clusters: [{ name: "c", cluster: { server: "http://127.0.0.1:1" } }],
  };
  await writeFile(join(directory, "kubeconfig"), JSON.stringify(kubeconfig));
  await writeFile(join(directory, "broken"), "{");
});

afterAll(async () => {
  await deleteNetns(exec, netns, options);
  await rm(directory, { recursive: true });
});

interface Case {
  readonly flags: string;
  readonly code: 1 | 2;
  readonly says: RegExp;
  readonly path?: string;
  readonly as?: readonly string[];
}

// Without the settings of the whole machine, which a network namespace may not make.
const good = "--kubeconfig=DIR/kubeconfig --conntrack-max-per-core=0 --oom-score-adj=0 --log-level=error";
const nobody = ["setpriv", "--reuid=65534", "--clear-groups"];

it.each<[string, Case]>([
  ["an unknown flag", { flags: "--clustercidr=10.0.0.0/8", code: 2, says: /unknown option '--clustercidr/ }],
  [
    "no kubeconfig",
    { flags: "--kubeconfig=DIR/none", code: 2, says: /none: ENOENT.*give the path of a readable kubeconfig/ },
  ],
  [
    "a broken kubeconfig",
    { flags: "--kubeconfig=DIR/broken", code: 2, says: /broken: .*mend the file or give another/ },
  ],
  ["no cluster around it", { flags: "", code: 2, says: /not in a pod; give --kubeconfig FILE/ }],
  [
    "no configuration file",
    { flags: "--config=DIR/none", code: 2, says: /--config .*none: ENOENT.*; give the path of a readable file/ },
  ],
  ["no right", { flags: good, code: 1, says: /run as root or with CAP_NET_ADMIN and CAP_NET_RAW/, as: nobody }],
  [
    "no iptables",
    { flags: good, code: 1, says: /iptables-save not found; install it.*iptables/, path: "/nonexistent" },
  ],
  [
    "an API server that does not answer",
    {
      flags: `${good} --api-server-timeout=1ms`,
      code: 1,
      says: /cannot reach the API server http:\/\/127\.0\.0\.1:1: .*; check that it runs and listens on that port/,
    },
  ],
  [
    "one port for two servers",
    {
      flags: `${good} --metrics-bind-address=127.0.0.1:10256 --bind-address-hard-fail`,
      code: 1,
      says: /--metrics-bind-address: .*port 10256: the port is taken \(another agent or kube-proxy\?\); free it or give/,
    },
  ],
])("says what is wrong with %s in one line", async (_, { flags, code, says, path: PATH = path, as = [] }) => {
  const args = flags
    .replace("DIR", directory)
    .split(" ")
    .filter((flag) => flag !== "");
  const command = [`PATH=${PATH}`, ...as, process.execPath, main, "agent", ...args];
  const result = await inside.run("/usr/bin/env", command, options);
  expect(result).toEqual({ code, stdout: "", stderr: expect.stringMatching(says) });
  expect(result.stderr).toMatch(/^berth agent: [^\n]*\n$/);
});

it("starts as kubeadm starts kube-proxy, waits for an API server that does not answer, and ends in order", async () => {
  const ours = { kubeconfig: join(directory, "kubeconfig"), conntrack: "maxPerCore: 0", oomScoreAdj: "oomScoreAdj: 0" };
  const config = (await readFile(join(import.meta.dirname, "agent/testdata/kubeadm.yaml"), "utf8"))
    .replace("/var/lib/kube-proxy/kubeconfig.conf", ours.kubeconfig)
    .replace("maxPerCore: null", ours.conntrack)
    .replace("oomScoreAdj: null", ours.oomScoreAdj);
  await writeFile(join(directory, "config.conf"), config);
  const flags = [`--config=${join(directory, "config.conf")}`, "--hostname-override=N1", "--api-server-timeout=10m"];
  const args = [`--net=${netnsPath(netns)}`, "--", process.execPath, main, "agent", ...flags];
  const child = spawn("nsenter", args, { env: { PATH: path }, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    await vi.waitFor(() => expect(log).toContain("http://127.0.0.1:1"), { timeout: 30_000 });
    await vi.waitFor(() => expect(log).toMatch(/"level":"warn".*no state from the API server yet/), {
      timeout: 30_000,
    });
    const ask = async (url: string) =>
      (await inside.run("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", url], options)).stdout;
    expect(await ask("http://127.0.0.1:10256/healthz")).toBe("503");
    expect(await ask("http://127.0.0.1:10256/livez")).toBe("200");
    expect(await ask("http://127.0.0.1:10249/metrics")).toBe("200");
    const configz = await inside.run("curl", ["-s", "http://127.0.0.1:10249/configz"], options);
    expect(JSON.parse(configz.stdout)).toMatchObject({
      "kubeproxy.config.k8s.io": { hostnameOverride: "n1", clusterCIDR: "10.244.0.0/16,fd00:10:244::/56" },
    });
    expect((await inside.run("iptables-save", [], options)).stdout).not.toContain("KUBE-");
  } finally {
    child.kill("SIGTERM");
  }
  expect(await ended).toBe(0);
  expect(log).toContain('"message":"agent stopped; the rules stay"');
});

/** `berth agent` to its end, as in the table above. */
async function agent(flags: readonly string[], as: readonly string[] = []): Promise<ExecResult> {
  const command = [`PATH=${path}`, ...as, process.execPath, main, "agent", ...flags];
  return await inside.run("/usr/bin/env", command, options);
}

async function closeWaitTimeout(): Promise<string> {
  const file = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait";
  return (await inside.run("cat", [file], options)).stdout.trim();
}

it("sets connection tracking and ends with --init-only, and says what it may not set", async () => {
  const others = ["--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--oom-score-adj=0"];
  const flags = ["--init-only", ...others, "--conntrack-tcp-timeout-close-wait=1234s", "--log-format=text"];
  const before = await closeWaitTimeout();
  expect(before).not.toBe("1234");
  const refused = await agent(flags, nobody);
  expect(refused).toMatchObject({ code: 0, stderr: expect.stringMatching(/not as wanted path=\S+close_wait/) });
  expect(refused.stderr).toContain(`it is ${before} and cannot be written (EACCES: permission denied`);
  expect(refused.stderr).toContain("set net.netfilter.nf_conntrack_tcp_timeout_close_wait=1234 on the host, or give");
  expect(await closeWaitTimeout()).toBe(before);
  expect(await agent(flags)).toMatchObject({ code: 0, stderr: expect.stringContaining(`what="${before} -> 1234"`) });
  expect(await closeWaitTimeout()).toBe("1234");
  // Now nothing is left that would take privileges.
  expect(await agent(flags, nobody)).toMatchObject({ code: 0, stderr: "" });
});

it("does not start beside a live proxy, unless forced", async () => {
  const script = `require("node:http").createServer((request, response) => response.end(
    request.url === "/proxyMode" ? "iptables" : "ok")).listen(10249, "127.0.0.1", () => console.log("ready"));`;
  const args = [`--net=${netnsPath(netns)}`, "--", process.execPath, "-e", script];
  const peer = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => peer.once("exit", resolve));
  try {
    await new Promise((resolve) => peer.stdout.once("data", resolve));
    const flags = good.replace("DIR", directory).split(" ");
    const said = "another proxy is alive on this node (http://127.0.0.1:10249/proxyMode says iptables)";
    const remedy = "stop kube-proxy or the other agent here first, or give --force to start all the same";
    expect(await agent(flags)).toMatchObject({
      code: 1,
      stderr: `berth agent: ${said}: both would remove each other's rules; ${remedy}\n`,
    });
    const forced = await agent([...flags, "--force", "--api-server-timeout=1ms"]);
    expect(forced).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot reach the API server") });
    // With chains of its own it is no matter, unless the ports are the same.
    const beside = [...flags, "--iptables-chain-prefix=BERTH", "--api-server-timeout=1ms"];
    expect(await agent(beside)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `${said}: it has the ports that this agent is to have, or is this agent once more; give a --healthz-bind-address and a --metrics-bind-address that nobody else has`,
      ),
    });
    const alone = ["--healthz-bind-address=127.0.0.1:20256", "--metrics-bind-address=127.0.0.1:20249"];
    const started = await agent([...beside, ...alone]);
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot reach the API server") });
  } finally {
    peer.kill();
    await ended;
  }
});

it("takes a proxy's rules away with --cleanup, as kube-proxy does", async () => {
  for (const args of [
    ["-N", "KUBE-SERVICES"],
    ["-I", "OUTPUT", "-j", "KUBE-SERVICES"],
  ])
    await execOk(inside, "iptables", ["-t", "nat", ...args], options);
  expect(await agent(["--cleanup"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^removed IPv4/) });
  expect((await inside.run("iptables-save", [], options)).stdout).not.toContain("KUBE-");
});
