import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/index.ts";
import { addNetns, deleteNetns, ipBatch, netnsExec, systemExec } from "../../src/kernel/index.ts";
import { nullLogger } from "../../src/telemetry/index.ts";
import { provider } from "./index.ts";

const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const exec = systemExec(environment);
const netns = `bt-proxy-${randomBytes(4).toString("hex")}`;
const context = {
  clusterId: "c",
  stateDir: "/nonexistent",
  berth: [],
  reservedPorts: [],
  nodePortRange: { first: 30_000, last: 32_767 },
  fence: () => undefined,
  logger: nullLogger,
  clock: systemClock,
};
const good = { "proxy-bridge": "br0", "proxy-network": "10.0.0.0/8, fd00::/64", "proxy-netns": netns };

/** A limit for one program, so that what cleans up is not cut short by what hung before. */
function options(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(30_000) };
}

beforeAll(async () => {
  await addNetns(exec, netns, options());
  await ipBatch(netnsExec(exec, netns), ["link add br0 type bridge"], options());
});

afterAll(() => deleteNetns(exec, netns, options()));

it("is there on a machine that can do it", async () => {
  expect((await provider.create({ ...context, environment, flags: good })).name).toBe("proxy");
});

it.each<[string, Readonly<Record<string, string | undefined>>, RegExp]>([
  ["no bridge", { "proxy-bridge": undefined }, /^--proxy-bridge: "" is no interface name/],
  ["no network", { "proxy-network": undefined }, /^--proxy-network: missing/],
  ["a bad network", { "proxy-network": "10.0.0.0/8,x" }, /^--proxy-network: "x" is no prefix/],
  ["an unknown namespace", { "proxy-netns": "nowhere" }, /^--proxy-netns: there is no network namespace nowhere/],
  [
    "an unknown bridge",
    { "proxy-bridge": "br9" },
    /^--proxy-bridge: there is no interface br9 in the namespace .*; make it, or name another/,
  ],
])("says what is wrong with %s", async (_, flags, message) => {
  await expect(provider.create({ ...context, environment, flags: { ...good, ...flags } })).rejects.toThrow(message);
});

it("names the program that is missing", async () => {
  const nowhere = { PATH: "/nonexistent" };
  await expect(provider.create({ ...context, environment: nowhere, flags: good })).rejects.toThrow(
    /^program ip not found; install it \(on Debian: iproute2\)/,
  );
});
