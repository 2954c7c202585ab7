import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { renderBalancerConfig } from "../balancer/config.ts";
import { addNetns, deleteNetns, ipBatch, netnsExec, netnsPath, systemExec } from "../kernel/index.ts";

const main = join(import.meta.dirname, "main.ts");
const path = "/usr/sbin:/usr/bin:/sbin:/bin";
const exec = systemExec({ PATH: path });
const netns = `bt-cli-${randomBytes(4).toString("hex")}`;
const config = {
  addresses: ["10.0.0.5"],
  ports: [{ protocol: "TCP", port: 80, nodePort: 30_080 }],
  targets: [],
  healthCheck: { port: 10_256, path: "/", intervalMs: 2000, timeoutMs: 3000, unhealthyAfter: 2, healthyAfter: 1 },
  sourceRanges: [],
  sessionAffinity: { kind: "None" },
  drainSeconds: 300,
} as const;

let directory: string;

/** A limit for one program, so that what cleans up is not cut short by what hung before. */
function options(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(30_000) };
}

beforeAll(async () => {
  await addNetns(exec, netns, options());
  // Without any address the kernel would let us listen on whatever address.
  await ipBatch(netnsExec(exec, netns), ["link set lo up"], options());
  directory = await mkdtemp(join(tmpdir(), "berth-cli-"));
  // One of the cases is not root.
  await chmod(directory, 0o755);
  for (const name of ["empty", "good", "wrong"]) await mkdir(join(directory, name));
  await writeFile(join(directory, "good", "config.json"), renderBalancerConfig(config));
  await writeFile(join(directory, "wrong", "config.json"), JSON.stringify({ ...config, ports: [{ port: 80 }] }));
});

afterAll(async () => {
  await deleteNetns(exec, netns, options());
  await rm(directory, { recursive: true });
});

interface Case {
  readonly flags: string;
  readonly code: 1 | 2;
  readonly says: RegExp;
  readonly path?: string;
  readonly as?: readonly string[];
}

const nobody = ["setpriv", "--reuid", "65534", "--clear-groups"];

it.each<[string, Case]>([
  ["no --state-dir", { flags: "", code: 2, says: /required option '--state-dir/ }],
  ["no directory", { flags: "--state-dir=DIR/none", code: 2, says: /--state-dir: \S+none is no directory/ }],
  ["no config.json", { flags: "--state-dir=DIR/empty", code: 2, says: /empty\/config\.json: no such file/ }],
  ["a wrong field", { flags: "--state-dir=DIR/wrong", code: 2, says: /config\.json: ports\[0\]\.protocol: / }],
  [
    "a bad address",
    { flags: "--state-dir=DIR/good --metrics-bind-address=x:1", code: 2, says: /address: "x:1" is no/ },
  ],
  [
    "a foreign address",
    { flags: "--state-dir=DIR/good --metrics-bind-address=10.9.9.9:1", code: 1, says: /10\.9\.9\.9:1: .*give another/ },
  ],
  [
    "no nft",
    { flags: "--state-dir=DIR/good", code: 1, says: /nft not found; install it.*nftables/, path: "/nonexistent" },
  ],
  ["no right", { flags: "--state-dir=DIR/good", code: 1, says: /run as root or with CAP_NET_ADMIN/, as: nobody }],
])("says what is wrong with %s in one line", async (_, { flags, code, says, path: PATH = path, as = [] }) => {
  const args = flags
    .replace("DIR", directory)
    .split(" ")
    .filter((flag) => flag !== "");
  const result = await netnsExec(exec, netns).run(
    "/usr/bin/env",
    [`PATH=${PATH}`, ...as, process.execPath, main, "balancer", ...args],
    options(),
  );
  expect(result).toEqual({ code, stdout: "", stderr: expect.stringMatching(says) });
  expect(result.stderr).toMatch(/^berth balancer: [^\n]*\n$|^error: [^\n]*\n$/);
});

it("serves a namespace alone", async () => {
  const command = [process.execPath, main, "balancer", "--state-dir", join(directory, "good")];
  const first = spawn("nsenter", [`--net=${netnsPath(netns)}`, "--", ...command], {
    stdio: "ignore",
    env: { PATH: path },
  });
  try {
    await vi.waitFor(() => readFile(join(directory, "good", "status.json")), { timeout: 20_000, interval: 10 });
    const [program = "", ...args] = command;
    const second = await netnsExec(exec, netns).run(program, args, options());
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^berth balancer: another berth balancer serves this network namespace[^\n]*\n$/);
  } finally {
    first.kill("SIGKILL");
  }
});
