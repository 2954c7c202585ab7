import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RuleApplier } from "../agent/apply/index.ts";
import { fixture, programOf, proxied } from "../agent/plan/testing/services.ts";
import { addNetns, deleteNetns, execOk, Iptables, ipBatch, netnsExec } from "../kernel/index.ts";
import { host } from "../kernel/testing/machine.ts";

const main = join(import.meta.dirname, "main.ts");
const options = { signal: AbortSignal.timeout(60_000) };
const netns = `bt-trace-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);

beforeAll(async () => {
  await addNetns(host, netns, options);
  const commands = [
    "link set lo up",
    "link add cni0 type bridge",
    "addr add 10.180.0.254/24 dev cni0",
    "link add eth0 type bridge",
    "addr add 192.168.0.2/24 dev eth0",
    "addr add 2001:db8::1/64 dev eth0 nodad",
    "link set cni0 up",
    "link set eth0 up",
    "route add 0.0.0.0/0 via 192.168.0.1",
  ];
  await ipBatch(inside, commands, options);
  await new RuleApplier(new Iptables(inside, "IPv4")).apply(programOf(fixture.map(proxied)), options.signal);
});
afterAll(() => deleteNetns(host, netns, options));

async function berthTrace(...flags: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return inside.run(process.execPath, [main, "trace", ...flags], options);
}

it.each([
  ["10.180.0.4", "172.30.0.44:80", ["10.180.0.4:80 0.5 true", "10.180.0.5:80 0.5 false"], undefined],
  ["203.0.113.130", "192.168.0.2:3002", ["10.180.0.3:80 0.5 true", "10.180.0.6:80 0.5 true"], undefined],
  ["203.0.113.130", "5.6.7.8:80", [], "DROP"],
  ["192.168.0.2", "172.30.0.46:80", [], "REJECT"],
])("traces a packet from %s to %s through the kernel's rules", async (from, to, endpoints, verdict) => {
  const result = await berthTrace("--from", from, "--to", to, "--output", "json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  const json = JSON.parse(result.stdout);
  const ends = json.endpoints.map((e: any) => `${e.endpoint} ${e.share} ${e.masquerade}`);
  expect([ends, json.nodeAddresses]).toEqual([endpoints, ["127.0.0.1", "10.180.0.254", "192.168.0.2"]]);
  if (verdict !== undefined) expect(json.outcomes).toMatchObject([{ verdict }]);
});

it("takes the interface from the routes, and the family's own rules", async () => {
  await execOk(inside, "iptables", ["-A", "FORWARD", "-i", "cni0", "-o", "eth0", "-j", "DROP"], options);
  const fromPod = await berthTrace("--from", "10.180.0.9", "--to", "8.8.8.8:53/udp");
  expect(fromPod.stdout).toMatch(/^udp 10\.180\.0\.9 -> 8\.8\.8\.8:53, arriving through cni0\n/);
  expect(fromPod.stdout).toContain("-i cni0 -o eth0 -j DROP\n=> DROP\n");
  const v6 = await berthTrace("--from", "2001:db8::9", "--to", "[2001:db8::1]:80");
  expect(v6.stdout).toMatch(/\nresult:\n {2}100\.00 % {2}ACCEPT, to \[2001:db8::1\]:80, source kept\n$/);
});

it("reads a dump from standard input", async () => {
  const dump = await execOk(inside, "iptables-save", [], options);
  const flags = ["--from", "10.0.0.9", "--to", "172.30.0.41:80", "--rules", "-", "--node-addresses", "192.168.0.2"];
  const elsewhere = { ...options, stdin: dump };
  // The rule of the test before asks for an interface, and a dump comes without routes.
  const { code, stdout } = await host.run(process.execPath, [main, "trace", ...flags, "--interface", "x"], elsewhere);
  expect([code, stdout]).toEqual([0, expect.stringContaining("100.00 %  10.180.0.1:80, source kept\n")]);
  expect(await host.run(process.execPath, [main, "trace", ...flags], { ...options, stdin: "" })).toMatchObject({
    code: 2,
    stderr: "berth trace: --rules: standard input holds no table; give the output of iptables-save\n",
  });
});
