import { once } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually, namesIn, Stage } from "./testing/index.ts";

const address = "10.99.0.5";
const address6 = "fd99::5";

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.create();
});

afterEach(() => stage[Symbol.asyncDispose]());

it("keeps a client on its node with ClientIP affinity, while nodes come and go and without the balancer", async () => {
  await stage.put({ ...stage.config, sessionAffinity: { kind: "ClientIP", timeoutSeconds: 3600 } });
  const first = stage.start();
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  const [mine = "", ...others] = namesIn(await stage.greetings(500));
  expect(others).toEqual([]);
  const [index, other] = mine === "a" ? [0, "b"] : [1, "a"];
  expect(await stage.client.ask("datagram", { as: "udp", address, port: 53 })).toMatch(new RegExp(`^${mine} `));
  await stage.nodes[1 - index]!.ask("setHealth", { status: 503 });
  await stage.healthy([mine]);
  await stage.nodes[1 - index]!.ask("setHealth", { status: 200 });
  await stage.healthy(["a", "b"]);
  expect(namesIn(await stage.greetings(20))).toEqual([mine]);

  const ended = once(first, "exit");
  first.kill("SIGKILL");
  await ended;
  expect(namesIn(await stage.greetings(20))).toEqual([mine]);
  await stage.startAgain();
  const both = stage.config.targets;
  await stage.put({ ...stage.config, targets: [both[index]!] });
  await stage.inForce();
  await stage.put({ ...stage.config, targets: [...both, { name: "c", addresses: [stage.client.v4] }] });
  await stage.inForce();
  expect(namesIn(await stage.greetings(20))).toEqual([mine]);
  const mine6 = namesIn(await stage.greetings(1, address6));
  expect(namesIn(await stage.greetings(20, address6))).toEqual(mine6);

  await stage.nodes[index]!.ask("setHealth", { status: 503 });
  await stage.healthy([other]);
  expect(namesIn(await stage.greetings(5))).toEqual([other]);
  await stage.nodes[index]!.ask("setHealth", { status: 200 });
  await stage.healthy(["a", "b"]);
  expect(namesIn(await stage.greetings(20))).toEqual([other]);
});

it("forgets a client with ClientIP affinity after its time, and all of them without affinity", async () => {
  await stage.put({ ...stage.config, sessionAffinity: { kind: "ClientIP", timeoutSeconds: 1 } });
  stage.start();
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  const [mine] = namesIn(await stage.greetings(1));
  const remembered = async (): Promise<boolean> => (await stage.rules()).includes(`${stage.client.v4} timeout`);
  expect(await remembered()).toBe(true);
  await eventually(async () => expect(await remembered()).toBe(false));
  // A second is over each time: sooner or later the client comes to the other node.
  await eventually(async () => {
    await eventually(async () => expect(await remembered()).toBe(false));
    expect(namesIn(await stage.greetings(1))).not.toEqual([mine]);
  });
  await stage.put({ ...stage.config, sessionAffinity: { kind: "ClientIP", timeoutSeconds: 3600 } });
  await stage.inForce();
  await stage.greetings(1);
  expect(await remembered()).toBe(true);
  await stage.put({ ...stage.config, sessionAffinity: { kind: "None" } });
  await stage.inForce();
  expect(await remembered()).toBe(false);
  expect(namesIn(await stage.greetings(40))).toEqual(["a", "b"]);
});

/** Starts a balancer and keeps a connection with node a. */
async function holdA(): Promise<{ balancer: ReturnType<Stage["start"]>; held: string }> {
  const balancer = stage.start();
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  return { balancer, held: await stage.connectionTo("a") };
}

it("lets connections to a removed node drain for their time, also past the balancer's end, then cuts them", async () => {
  await stage.put({ ...stage.config, drainSeconds: 3600 });
  const { balancer, held } = await holdA();
  const kept = await stage.connectionTo("b");
  await stage.put({ ...stage.config, targets: stage.config.targets.slice(1) });
  await stage.inForce();
  expect(namesIn(await stage.greetings(20))).toEqual(["b"]);
  expect(await stage.client.ask("say", { as: held, text: "me" })).toBe("a me");
  const draining = [{ path: `[${address}]:80 to [${stage.nodes[0]!.v4}]:30080`, since: expect.any(String) }];
  await eventually(async () => expect((await stage.status())?.draining).toEqual(draining));
  const before = await stage.status();

  const ended = once(balancer, "exit");
  balancer.kill("SIGKILL");
  await ended;
  await stage.startAgain();
  await stage.put({ ...stage.config, ports: stage.config.ports.slice(0, 1) });
  await stage.inForce();
  expect((await stage.status())?.draining).toEqual(before?.draining);
  expect(await stage.client.ask("say", { as: held, text: "me" })).toBe("a me");

  await stage.put({ ...stage.config, drainSeconds: 1 });
  await eventually(async () => expect((await stage.status())?.draining).toBeUndefined());
  expect(await stage.client.ask("say", { as: held, text: "me" })).toMatch(/^ECONNRESET|CLOSED$/);
  expect(await stage.client.ask("say", { as: kept, text: "me" })).toBe("b me");
});

it("lets a node that comes back in time keep its connections", async () => {
  await stage.put({ ...stage.config, drainSeconds: 3600 });
  const { held } = await holdA();
  const full = stage.config;
  await stage.put({ ...full, targets: full.targets.slice(1) });
  await eventually(async () => expect((await stage.status())?.draining).toHaveLength(1));
  await stage.put(full);
  await eventually(async () => expect((await stage.status())?.draining).toBeUndefined());
  await stage.put({ ...full, drainSeconds: 0 });
  await stage.inForce();
  expect(await stage.client.ask("say", { as: held, text: "me" })).toBe("a me");
});

it("drains an unhealthy node that is removed, and a port that is removed", async () => {
  await stage.put({ ...stage.config, drainSeconds: 3600 });
  const { held } = await holdA();
  const kept = await stage.connectionTo("b");
  await stage.nodes[0]!.ask("setHealth", { status: 503 });
  await stage.healthy(["b"]);
  expect((await stage.status())?.draining).toBeUndefined();
  await stage.put({ ...stage.config, targets: stage.config.targets.slice(1), drainSeconds: 0 });
  await stage.inForce();
  expect(await stage.client.ask("say", { as: held, text: "me" })).toMatch(/^ECONNRESET|CLOSED$/);
  expect(await stage.client.ask("say", { as: kept, text: "me" })).toBe("b me");
  await stage.put({ ...stage.config, ports: stage.config.ports.slice(1) });
  await stage.inForce();
  expect(await stage.client.ask("say", { as: kept, text: "me" })).toMatch(/^ECONNRESET|CLOSED$/);
});

it.each([
  ["IPv4", address],
  ["IPv6", address6],
])("moves the UDP flows of a removed node at once (%s)", async (_, to) => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  const flows: string[] = [];
  while (!flows.some((answer) => answer.startsWith("a ")) || !flows.some((answer) => answer.startsWith("b ")))
    flows.push(await stage.client.ask("datagram", { as: `${flows.length}`, address: to, port: 53 }));
  await stage.put({ ...stage.config, targets: stage.config.targets.slice(1) });
  await stage.inForce();
  for (const as of flows.keys())
    expect(await stage.client.ask("datagram", { as: `${as}`, address: to, port: 53 })).toMatch(/^b /);
});
