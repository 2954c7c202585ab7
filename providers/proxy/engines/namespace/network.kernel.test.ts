import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually, type Peer, TestNetwork } from "../../../../src/balancer/testing/index.ts";
import { type Exec, findLink, listNetns, netnsExec } from "../../../../src/kernel/index.ts";
import { macOf, type Names } from "../../names.ts";
import { Cabling, type Network } from "./network.ts";

let network: TestNetwork;
let place: Network;
let names: Names;
let client: Peer;
let signal: AbortSignal;

const addresses = ["10.99.0.5/16", "fd99::5/64"];
const mac = macOf("10.99.0.5");

beforeEach(async () => {
  signal = AbortSignal.timeout(50_000);
  network = await TestNetwork.create();
  place = { netns: network.name, bridge: network.bridge, prefixes: [] };
  names = { directory: "", netns: `${network.name}-lb`, port: `bt${randomBytes(4).toString("hex")}` };
  network.adopt(names.netns);
  client = await network.addPeer("client", "1.1");
});

afterEach(() => network[Symbol.asyncDispose]());

function outside(): Exec {
  return netnsExec(network.exec, network.name);
}

function cablingWith(exec: Exec, at: Network = place): Cabling {
  return new Cabling(exec, exec, at);
}

async function nothingIsLeft(): Promise<void> {
  expect(await findLink(outside(), names.port, { signal })).toBeUndefined();
  expect(await listNetns(network.exec, { signal })).not.toContain(names.netns);
}

/** As the controller applies a pending step. */
async function connect(cabling: Cabling, wanted = addresses, address = mac): Promise<void> {
  while (!(await cabling.connect(names, wanted, address, signal))) signal.throwIfAborted();
}

/** Fails instead of call number `at`, or when its answer should arrive. */
function failingExec(at: number, when: "before" | "after"): Exec & { calls: number } {
  const failing = {
    calls: 0,
    async run(...[program, args, options]: Parameters<Exec["run"]>) {
      const mine = failing.calls++ === at;
      if (mine && when === "before") throw new Error("crash");
      const result = await network.exec.run(program, args, options);
      if (mine) throw new Error("crash");
      return result;
    },
  };
  return failing;
}

it.each(["before", "after"] as const)("heals when it is cut short %s any command", async (when) => {
  const whole = failingExec(-1, when);
  const sound = cablingWith(network.exec);
  await connect(cablingWith(whole));
  const steps = whole.calls;
  for (let at = 0; at < steps; at++) {
    await sound.disconnect(names, signal);
    await nothingIsLeft();
    await expect(cablingWith(failingExec(at, when)).connect(names, addresses, mac, signal)).rejects.toThrow("crash");
    const observed = await sound.observe(names, signal);
    // What looks finished is finished.
    if (observed?.announced === mac) expect([observed.addresses, when]).toEqual([addresses, "after"]);
    await connect(sound);
    expect(await sound.observe(names, signal)).toEqual({ announced: mac, addresses });
    await cablingWith(failingExec(at, when))
      .disconnect(names, signal)
      .catch(() => {});
  }
  await sound.disconnect(names, signal);
  await nothingIsLeft();
});

it("sees what was taken away, and puts it back", async () => {
  const cabling = cablingWith(network.exec);
  await connect(cabling);
  for (const [where, command] of [
    [names.netns, "addr del 10.99.0.5/16 dev eth0"],
    [names.netns, "link set eth0 down"],
    [names.netns, "link delete eth0"],
    [network.name, `link set ${names.port} nomaster`],
    [network.name, `link set ${names.port} down`],
  ] as const) {
    await network.run(where, [command]);
    expect(await cabling.observe(names, signal), command).not.toEqual({ announced: mac, addresses });
    await connect(cabling);
    expect(await cabling.observe(names, signal), command).toEqual({ announced: mac, addresses });
  }
});

it("exchanges addresses", async () => {
  const cabling = cablingWith(network.exec);
  await connect(cabling);
  await connect(cabling, ["10.99.0.6/16"], macOf("10.99.0.6"));
  expect(await cabling.observe(names, signal)).toEqual({ announced: macOf("10.99.0.6"), addresses: ["10.99.0.6/16"] });
});

it("tells neighbours that remember another holder of the address", async () => {
  // A holder of before, which the client has just talked to; it goes without a word.
  await network.addHost("former", "0.5");
  const inClient = netnsExec(network.exec, client.netns);
  for (const to of ["10.99.0.5", "fd99::5"])
    expect(await client.ask("connect", { address: to, port: 1 })).toBe("ECONNREFUSED");
  const remembered = async () => (await inClient.run("ip", ["neigh"], { signal })).stdout;
  expect(await remembered()).not.toContain(mac);
  await network.run(network.name, ["link set former down"]);

  await connect(cablingWith(network.exec));
  await eventually(async () => {
    const text = await remembered();
    for (const to of ["10.99.0.5", "fd99::5"]) expect(text).toMatch(new RegExp(`^${to} .*lladdr ${mac}`, "m"));
  });
});

it("says that the bridge is missing", async () => {
  const cabling = cablingWith(network.exec, { ...place, bridge: "br9" });
  await expect(cabling.connect(names, addresses, mac, signal)).rejects.toMatchObject({
    fault: { kind: "blocked", reason: "BridgeMissing" },
    message: `there is no interface br9 in the namespace ${network.name}`,
  });
  await cabling.disconnect(names, signal);
  await nothingIsLeft();
});
