import { afterAll, beforeAll, expect, it } from "vitest";
import { type Exec, execOk } from "../kernel/index.ts";
import { host } from "../kernel/testing/machine.ts";
import { port, service, slice } from "../model/testing/objects.ts";
import { flavourExec, kernelProxy } from "./testing/kernel-proxy.ts";
import { Network } from "./testing/network.ts";
import { MemoryState } from "./testing/state.ts";

const signal = new AbortController().signal;
const network = new Network(host);
const inside = network.exec("node");
const listings: string[] = [];
const nft = flavourExec(inside, "nft");
const exec: Exec = {
  run(program, args, options) {
    if (program === "conntrack" && args[0] === "-L") listings.push(args.join(" "));
    return nft.run(program, args, options);
  },
};
const state = new MemoryState();
const proxy = kernelProxy(exec, state);

const nodePort = port("udp", 80, { nodePort: 30080, protocol: "UDP" });
const spec = { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7", "fd00:96::7"], ports: [nodePort] };

async function serve(vips: string[], ...pods: readonly number[]): Promise<void> {
  const ports = [{ name: "udp", port: 8080, protocol: "UDP" }];
  state.services.set("ns/web", service("ns/web", { type: "LoadBalancer", ...spec }, vips));
  state.allSlices.set("ns/web", [
    slice(
      "four",
      ports,
      pods.map((n) => ({ ip: `10.244.1.${n + 1}` })),
    ),
    {
      ...slice(
        "six",
        ports,
        pods.map((n) => ({ ip: `fd00:244:1::${n + 1}` })),
      ),
      addressType: "IPv6",
    },
  ]);
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
}

/** Makes the kernel track `destination port -> answering address port`, from one client port for each. */
async function track(flows: readonly string[]): Promise<void> {
  for (const [i, flow] of flows.entries()) {
    const [to = "", dport = "", from = "", sport = ""] = flow.split(" ");
    const client = to.includes(":") ? "fd00:9::9" : "10.9.9.9";
    const asked = ["-s", client, "-d", to, "--sport", `${1000 + i}`, "--dport", dport];
    const answered = ["--reply-src", from, "--reply-dst", client, "--reply-port-src", sport];
    const rest = ["--reply-port-dst", `${1000 + i}`, "-t", "300"];
    await execOk(inside, "conntrack", ["-I", "-p", "udp", ...asked, ...answered, ...rest], { signal });
  }
}

async function tracked(): Promise<string[]> {
  const texts = await Promise.all(
    ["ipv4", "ipv6"].map((family) => execOk(inside, "conntrack", ["-L", "-p", "udp", "-f", family], { signal })),
  );
  const flow =
    / src=10.9.9.9 dst=(\S+) \S+ dport=(\d+) .*src=(\S+) \S+ sport=(\d+)| src=fd00:9::9 dst=(\S+) \S+ dport=(\d+) .*src=(\S+) \S+ sport=(\d+)/g;
  return texts
    .flatMap((text) => [...text.matchAll(flow)].map((found) => found.slice(1).filter(Boolean).join(" ")))
    .sort();
}

beforeAll(() => network.create(signal));
afterAll(() => network[Symbol.asyncDispose]());

it("forgets exactly the flows that new rules would send elsewhere, in both families", async () => {
  const missed = ["10.96.0.7 80 10.96.0.7 80", "fd00:96::7 80 fd00:96::7 80", "192.0.2.1 30080 192.0.2.1 30080"];
  const foreign = [
    "10.96.0.8 80 10.244.1.2 8080",
    "10.96.0.7 81 10.244.1.2 8080",
    "192.0.2.99 30080 10.244.1.2 8080",
    "127.0.0.1 30080 127.0.0.1 30080",
    "fd00:96::8 80 fd00:244:1::2 8080",
  ];
  await track([...missed, ...foreign]);
  await serve(["203.0.113.7", "fd00:cb::7"], 1, 2);
  expect(await tracked()).toEqual(foreign.toSorted());

  const to = (pod: number, ...frontends: string[]) =>
    frontends.map((one) => `${one} ${one.includes(":") ? "fd00:244:1::" : "10.244.1."}${pod + 1} 8080`);
  const all = [
    "10.96.0.7 80",
    "203.0.113.7 80",
    "192.0.2.1 30080",
    "fd00:96::7 80",
    "fd00:cb::7 80",
    "fd00:c::1 30080",
  ];
  await track([...to(1, ...all), ...to(2, ...all)]);
  await serve(["203.0.113.7", "fd00:cb::7"], 2);
  expect(await tracked()).toEqual([...foreign, ...to(2, ...all)].sort());

  await serve(["fd00:cb::7"], 2);
  const left = all.filter((one) => one !== "203.0.113.7 80");
  expect(await tracked()).toEqual([...foreign, ...to(2, ...left)].sort());

  listings.length = 0;
  await serve(["fd00:cb::7"], 2, 1);
  expect(listings).toEqual([]);
  await serve(["fd00:cb::7"]);
  expect(await tracked()).toEqual(foreign.toSorted());
});

it.each([
  ["10.96.0.7", "10.244.1.2"],
  ["fd00:96::7", "fd00:244:1::2"],
])("keeps a client of %s that keeps its port working, to no endpoint and back", async (host) => {
  const ask = () => network.askAgain("pod-1", host, { address: host, port: 80 });
  await serve([], 2);
  expect(await ask()).toMatch(/^pod-2 /);
  await serve([]);
  expect(await ask()).toBe("ECONNREFUSED");
  await serve([], 1, 2);
  expect(await ask()).toMatch(/^pod-[12] /);
});
