import { Writable } from "node:stream";
import { Command } from "commander";
import { afterEach, expect, it, vi } from "vitest";
import type { Process } from "./command.ts";
import { define } from "./sandbox.ts";

const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
const process_: Process = {
  argv: [],
  environment: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  signal: AbortSignal.abort(),
  stdout: silent,
  stderr: silent,
};

async function run(...args: string[]): Promise<void> {
  const command = new Command("berth sandbox").exitOverride().configureOutput({ writeErr() {} });
  define(command, process_);
  await command.parseAsync(args, { from: "user" });
}

afterEach(() => vi.restoreAllMocks());

it.each([
  [["up", "--nodes", "0"], '--nodes: "0" is no number of nodes; give 1 to 50'],
  [["up", "--nodes", "51"], '--nodes: "51" is no number of nodes; give 1 to 50'],
  [["up", "--nodes", "three"], '--nodes: "three" is no number of nodes; give 1 to 50'],
  [["up", "--families", "IPv5"], '--families: "IPv5"; give IPv4, IPv6 or both, such as IPv4,IPv6'],
  [["up", "--families", "IPv4,IPv4"], '--families: "IPv4,IPv4"; give IPv4, IPv6 or both, such as IPv4,IPv6'],
  [["up", "--families", ""], '--families: ""; give IPv4, IPv6 or both, such as IPv4,IPv6'],
])("refuses %j", async (args, message) => {
  await expect(run(...args)).rejects.toMatchObject({ name: "UsageError", message });
});

it("says that only root may start one", async () => {
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  await expect(run("up")).rejects.toMatchObject({
    name: "FailureError",
    message: "the sandbox makes network namespaces, which only root may; run it as root or with sudo",
  });
});
