import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";

const berth = new URL("../../bin/berth", import.meta.url).pathname;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `berth apiserver`; `onReady` is called with the line that says that it listens. */
async function run(args: readonly string[], onReady?: (stop: () => void) => void): Promise<Outcome> {
  const child = spawn(berth, ["apiserver", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    if (stdout.startsWith("ready ")) onReady?.(() => child.kill("SIGTERM"));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

const range = ["--service-cidr", "10.96.0.0/24"];

describe("berth apiserver", () => {
  it("says where it listens and ends cleanly", { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await run([...range, "--listen", "127.0.0.1:0"], (stop) => stop());
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^ready https:\/\/127\.0\.0\.1:\d+\n$/);
  });

  it.each([
    ["no range", [], "required option '--service-cidr <cidrs>' not specified"],
    ["a range that is none", ["--service-cidr", "10.0.0.1"], '--service-cidr: "10.0.0.1" is no prefix'],
    ["two ranges of a family", ["--service-cidr", "10.0.0.0/24,10.0.1.0/24"], "one IPv4 and one IPv6 prefix"],
    ["a range without room", ["--service-cidr", "10.0.0.0/31"], "--service-cidr: 10.0.0.0/31 is too small"],
    ["an address that is none", [...range, "--listen", "here"], '--listen: "here" is no address'],
    ["a socket without a path", [...range, "--listen", "unix:"], "--listen: unix: needs the path of a socket"],
    ["ports that are none", [...range, "--node-port-range", "9-1"], '--node-port-range: "9-1" is no port range'],
    ["an advertised name", [...range, "--advertise-address", "x"], '--advertise-address: "x" is no address'],
  ])("refuses %s", { timeout: 60_000 }, async (_, args, message) => {
    const { code, stderr } = await run(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("\n    at ");
    expect(code).toBe(2);
  });

  it("fails where it cannot listen or write", { timeout: 60_000 }, async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const outcomes = [
      await run([...range, "--listen", `127.0.0.1:${port}`]),
      await run([...range, "--kubeconfig-out", "/proc/none/kubeconfig"]),
      await run([...range, "--state", "/proc/none/state"]),
    ];
    taken.close();
    expect(outcomes.map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(outcomes.map(({ stderr }) => stderr)).toEqual([
      expect.stringMatching(
        /^berth apiserver: --listen: cannot listen on 127\.0\.0\.1:\d+: listen EADDRINUSE.*; free it or give another\n$/,
      ),
      expect.stringMatching(
        /^berth apiserver: --kubeconfig-out: cannot write \/proc\/none\/kubeconfig: ENOENT; give .*\n$/,
      ),
      expect.stringMatching(/^berth apiserver: --state: cannot write \/proc\/none\/state: ENOENT; give .*\n$/),
    ]);
  });
});
