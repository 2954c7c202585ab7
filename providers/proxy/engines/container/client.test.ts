import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { converge, desiredLb, ip, node } from "../../testing.ts";
import { checkContainers } from "./machine.ts";
import { containerAdapter, settingsOf } from "./testing/bed.ts";
import { FakeContainers } from "./testing/fake-containers.ts";

const nowhere = { PATH: "/usr/local/bin:/usr/bin:/bin", DOCKER_HOST: "unix:///nonexistent/docker.sock" };
const installed = spawnSync("docker", ["--version"], { env: nowhere }).status === 0;
const { signal } = new AbortController();

/** Every command that we ever send. */
async function allCommands(): Promise<readonly (readonly string[])[]> {
  const fake = new FakeContainers("docker");
  fake.networks.set("kind", { v4: "172.18.0.0/16", v6: "fc00:f853:ccd:e793::/64", configured: true });
  // A comma, so that quotes are needed.
  const stateDir = await mkdtemp(join(tmpdir(), "berth,client-"));
  await checkContainers(fake.exec, settingsOf(fake));
  const requestedAddresses = [ip("172.18.0.99"), ip("fc00:f853:ccd:e793::99")];
  const lb = desiredLb({ families: ["IPv4", "IPv6"], addresses: [], requestedAddresses });
  const adapter = containerAdapter(fake, stateDir, lb.id.clusterId);
  const desired = { kind: "service", lb, nodes: [node("a", "172.18.0.2")] } as const;
  await converge(adapter, desired, lb.id, signal);
  await Array.fromAsync(adapter.listOwned(lb.id.clusterId, signal));
  await converge(adapter, null, lb.id, signal);
  await converge(adapter, desired, lb.id, signal);
  fake.only.crashes = "no luck";
  await converge(adapter, { ...desired, nodes: [] }, lb.id, signal).catch(() => {});
  await converge(adapter, null, lb.id, signal);
  await rm(stateDir, { recursive: true });
  return fake.asked;
}

it("asks with every command that it knows", async () => {
  const names = (await allCommands()).map(([first, second]) => (second === "inspect" ? `${first} ${second}` : first));
  expect(new Set(names)).toEqual(
    new Set(["network inspect", "image inspect", "container inspect", "create", "start", "ps", "logs", "stop", "rm"]),
  );
});

it.skipIf(!installed)("speaks words that the real client understands, as far as it goes without a daemon", async () => {
  const seen = new Set<string>();
  for (const args of await allCommands()) {
    if (seen.has(args.join(" "))) continue;
    seen.add(args.join(" "));
    const { status, stderr } = spawnSync("docker", args, { env: nowhere, encoding: "utf8" });
    expect([args, status, stderr]).toEqual([args, 1, expect.stringMatching(/daemon|docker API/)]);
  }
});

it
  .skipIf(!installed)
  .each([
    [["create", "--foo", "x"]],
    [["create", "--label"]],
    [["create"]],
    [["create", "--mount", "type=bind,sourc=/x,target=/y", "img"]],
    [["create", "--sysctl", "foo", "img"]],
    [["container", "inspect"]],
    [["stop", "-t", "x", "y"]],
    [["stop", "-z", "y"]],
    [["ps", "--filter"]],
    [["rm"]],
  ])("refuses %j in the fake as the real client does", async (args) => {
  const real = spawnSync("docker", args, { env: nowhere, encoding: "utf8" });
  const { code, stderr } = await new FakeContainers("docker").exec.run("docker", args, { signal });
  expect({ code, stderr }).toEqual({ code: real.status, stderr: real.stderr });
});
