import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { netnsExec } from "../kernel/index.ts";
import { eventually, namesIn, Stage } from "./testing/index.ts";

const address = "10.99.0.5";
const address6 = "fd99::5";

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.create();
});

afterEach(() => stage[Symbol.asyncDispose]());

it("spreads TCP and UDP of both families over the nodes, which see the balancer as the client", async () => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  for (const [to, seen] of [
    [address, `::ffff:${address}`],
    [address6, address6],
  ] as const) {
    expect(new Set(await stage.greetings(40, to))).toEqual(new Set([`a ${seen}`, `b ${seen}`]));
    const udp = new Set<string>();
    for (let i = 0; i < 40; i++)
      udp.add(await stage.client.ask("datagram", { as: `${to} ${i}`, address: to, port: 53 }));
    expect(udp).toEqual(new Set([`a ${seen}`, `b ${seen}`]));
  }
});

it("takes an unhealthy node out, moves its UDP flows, keeps its connections, and brings it back", async () => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  const flow = { as: "flow", address, port: 53 };
  const first = (await stage.client.ask("datagram", flow)).slice(0, 1);
  expect((await stage.client.ask("datagram", flow)).slice(0, 1)).toBe(first);
  const held = await stage.connectionTo(first);
  const [gone, other] = first === "a" ? [stage.nodes[0]!, "b"] : [stage.nodes[1]!, "a"];

  await gone.ask("setHealth", { status: 503 });
  await stage.healthy([other]);
  expect(namesIn(await stage.greetings(20))).toEqual([other]);
  expect(await stage.client.ask("datagram", flow)).toMatch(new RegExp(`^${other} `));
  expect(await stage.client.ask("say", { as: held, text: "still there" })).toBe(`${first} still there`);
  expect((await stage.status())?.targets.find(({ name }) => name === first)?.reason).toBe("HTTP 503");

  await gone.ask("setHealth", { status: 200 });
  await stage.healthy(["a", "b"]);
  expect(namesIn(await stage.greetings(40))).toEqual(["a", "b"]);
});

it("loses no connection to a node that falls silent: its client's next attempt goes elsewhere", async () => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  await stage.network.run(stage.network.name, ["link set node-a down"]);
  const answers: string[] = [];
  // Some of these wait for node a until it is known to be gone.
  while ((await stage.status())?.targets[0]?.healthy === true) answers.push(...(await stage.greetings(1)));
  expect(namesIn([...answers, ...(await stage.greetings(10))])).toEqual(["b"]);
});

it("refuses at once what no healthy node could take, and ports that are not served", async () => {
  for (const node of stage.nodes) await node.ask("setHealth", { status: 503 });
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  for (const to of [address, address6]) {
    expect(await stage.client.ask("connect", { address: to, port: 80 })).toBe("ECONNREFUSED");
    expect(await stage.client.ask("datagram", { as: `none ${to}`, address: to, port: 53 })).toBe("ECONNREFUSED");
  }
  for (const node of stage.nodes) await node.ask("setHealth", { status: 200 });
  await stage.healthy(["a", "b"]);
  // A client that is served would be told to go to the node directly, which must not cost it the refusals.
  await stage.greetings(10);
  await stage.greetings(10, address6);
  for (const to of [address, address6]) {
    expect(await stage.client.ask("connect", { address: to, port: 80 })).toMatch(/^[ab] /);
    // The same socket: nothing of the refusal sticks to its flow.
    expect(await stage.client.ask("datagram", { as: `none ${to}`, address: to, port: 53 })).toMatch(/^[ab] /);
    expect(await stage.client.ask("connect", { address: to, port: 81 })).toBe("ECONNREFUSED");
    for (let i = 0; i < 20; i++)
      expect(await stage.client.ask("datagram", { as: `unused ${to}`, address: to, port: 54 })).toBe("ECONNREFUSED");
  }
});

it("applies a new configuration without cutting a connection or failing a new one", async () => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  await stage.client.ask("open", { as: "held", address, port: 80 });
  const asking = new AbortController();
  const answers = (async () => {
    const all: string[] = [];
    while (!asking.signal.aborted) all.push(await stage.client.ask("connect", { address, port: 80 }));
    return all;
  })();
  const [http, dns] = stage.config.ports;
  for (let port = 1000; port < 1030; port++) {
    await stage.put({ ...stage.config, ports: [http!, dns!, { protocol: "TCP", port, nodePort: 30_080 }] });
    await stage.inForce();
  }
  asking.abort();
  expect(namesIn(await answers)).toEqual(["a", "b"]);
  expect(await stage.client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
  expect(await stage.client.ask("connect", { address, port: 1029 })).toMatch(/^[ab] /);
  expect(await stage.client.ask("connect", { address, port: 1028 })).toBe("ECONNREFUSED");

  await stage.put({ ...stage.config, targets: stage.config.targets.slice(0, 1) });
  await stage.inForce();
  expect(namesIn(await stage.greetings(20))).toEqual(["a"]);
  expect(await stage.client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
});

it("leaves the rules when it ends or is killed, and adopts them without writing any", async () => {
  await stage.put(stage.config);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const balancer = stage.start();
    await stage.inForce();
    const before = await stage.rules();
    const flow = { as: signal, address, port: 53 };
    const through = await stage.client.ask("datagram", flow);
    const ended = once(balancer, "exit");
    balancer.kill(signal);
    expect(await ended).toEqual(signal === "SIGTERM" ? [0, null] : [null, "SIGKILL"]);
    expect(namesIn(await stage.greetings(40))).toEqual(["a", "b"]);

    const next = await stage.startAgain();
    await stage.put({ ...stage.config, targets: stage.config.targets.toReversed() });
    await stage.inForce();
    // Handles are given anew to every rule that is written.
    expect(await stage.rules()).toBe(before);
    expect(await stage.client.ask("datagram", flow)).toBe(through);
    const stopped = once(next, "exit");
    next.kill("SIGTERM");
    await stopped;
  }
});

it("lets only the source ranges in, over TCP and UDP", async () => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  await stage.client.ask("open", { as: "held", address, port: 80 });
  for (const to of [address, address6])
    expect(await stage.client.ask("datagram", { as: `in ${to}`, address: to, port: 53 })).toMatch(/^[ab] /);
  await stage.put({ ...stage.config, sourceRanges: ["10.99.7.0/24", "fd99::7:0/112"] });
  await stage.inForce();
  const timeoutMs = 300;
  for (const to of [address, address6]) {
    expect(await stage.client.ask("connect", { address: to, port: 80, timeoutMs })).toBe("TIMEOUT");
    // A flow of before as well as a new one.
    for (const as of [`in ${to}`, `out ${to}`])
      expect(await stage.client.ask("datagram", { as, address: to, port: 53, timeoutMs })).toBe("TIMEOUT");
  }
  expect(await stage.client.ask("say", { as: "held", text: "me" })).toMatch(/^[ab] me$/);
  // No range of the other family: nobody of that family may connect.
  await stage.put({ ...stage.config, sourceRanges: [`${stage.client.v4}/32`] });
  await stage.inForce();
  expect(await stage.client.ask("connect", { address, port: 80 })).toMatch(/^[ab] /);
  expect(await stage.client.ask("datagram", { as: `out ${address}`, address, port: 53 })).toMatch(/^[ab] /);
  expect(await stage.client.ask("connect", { address: address6, port: 80, timeoutMs })).toBe("TIMEOUT");
  expect(await stage.client.ask("datagram", { as: `in ${address6}`, address: address6, port: 53, timeoutMs })).toBe(
    "TIMEOUT",
  );
  // Ranges that hold each other, and all there is.
  await stage.put({ ...stage.config, sourceRanges: ["10.0.0.0/8", "10.99.0.0/16", "0.0.0.0/0", "::/0"] });
  await stage.inForce();
  for (const to of [address, address6])
    expect(await stage.client.ask("connect", { address: to, port: 80 })).toMatch(/^[ab] /);
});

it("keeps the last good configuration when the new one is wrong, and says so", async () => {
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  const good = await stage.status();
  await writeFile(join(stage.directory, "config.json"), '{"addresses": ["nonsense"]}');
  await eventually(async () =>
    expect((await stage.status())?.failure).toContain('addresses[0]: "nonsense" is no IP address'),
  );
  expect((await stage.status())?.applied).toBe(good?.applied);
  expect(namesIn(await stage.greetings(20))).toEqual(["a", "b"]);
  await stage.put(stage.config);
  await eventually(async () => expect(await stage.status()).toEqual(good));
});

it("goes on with the rules that it has while new ones fail, and says why", async () => {
  const broken = join(stage.directory, "broken");
  const script = `#!/bin/sh\n[ "$1" = -f ] && [ -e ${broken} ] && { echo out of luck >&2; exit 1; }\nexec /usr/sbin/nft "$@"\n`;
  await mkdir(join(stage.directory, "bin"));
  await writeFile(join(stage.directory, "bin/nft"), script, { mode: 0o755 });
  stage.path = `${join(stage.directory, "bin")}:${stage.network.environment["PATH"]}`;
  await stage.put(stage.config);
  stage.start();
  await stage.inForce();
  const good = await stage.status();
  await writeFile(broken, "");
  await stage.put({ ...stage.config, ports: stage.config.ports.slice(0, 1) });
  await eventually(async () => expect((await stage.status())?.failure).toMatch(/^nft -f -: exit code 1: out of luck$/));
  expect((await stage.status())?.applied).toBe(good?.applied);
  expect(namesIn(await stage.greetings(20))).toEqual(["a", "b"]);
  await rm(broken);
  await stage.inForce();
  await eventually(async () => expect((await stage.status())?.failure).toBeUndefined());
  expect(await stage.client.ask("datagram", { as: "gone", address, port: 53 })).toBe("ECONNREFUSED");
});

it("waits for its first configuration when it is told to", async () => {
  const waiting = stage.start("--await-config");
  const without = stage.start();
  expect(await once(without, "exit")).toEqual([2, null]);
  expect(waiting.exitCode).toBeNull();
  await stage.put(stage.config);
  await stage.inForce();
  expect(namesIn(await stage.greetings(20))).toEqual(["a", "b"]);
});

it("ends when its directory is gone", async () => {
  await stage.put(stage.config);
  const balancer = stage.start();
  await stage.inForce();
  const ended = once(balancer, "exit");
  await rm(stage.directory, { recursive: true });
  expect(await ended).toEqual([0, null]);
  expect(namesIn(await stage.greetings(20))).toEqual(["a", "b"]);
  await mkdir(stage.directory);
});

it("tells its metrics", async () => {
  await stage.put(stage.config);
  stage.start("--metrics-bind-address", "127.0.0.1:9090");
  await stage.inForce();
  await stage.healthy(["a", "b"]);
  const { stdout } = await netnsExec(stage.network.exec, stage.netns).run(
    "curl",
    ["-s", "http://127.0.0.1:9090/metrics"],
    {
      signal: AbortSignal.timeout(10_000),
    },
  );
  expect(stdout).toContain('berth_balancer_targets{state="healthy"} 2');
});
