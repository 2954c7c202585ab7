import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newCommand } from "./command.ts";
import { define } from "./trace.ts";

let directory: string;

const kubeDns = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SVC-TCOU7JCQXEZGVUNU - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU
-A KUBE-SVC-TCOU7JCQXEZGVUNU -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A
-A KUBE-SVC-TCOU7JCQXEZGVUNU -j KUBE-SEP-B
-A KUBE-SEP-A -s 10.0.0.2/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -p udp -m udp -j DNAT --to-destination 10.0.0.2:53
-A KUBE-SEP-B -s 10.0.0.3/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-B -p udp -m udp -j DNAT --to-destination 10.0.0.3:53
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
-A FORWARD -m set --match-set banned src -j DROP
-A FORWARD -i docker0 -j DOCKER
-A FORWARD -d 10.0.0.0/8 -j ACCEPT
COMMIT
`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-trace-"));
  await writeFile(join(directory, "rules"), kubeDns);
  await writeFile(join(directory, "empty"), "# nothing\n");
  await writeFile(join(directory, "broken"), "*nat\nhello\n");
});
afterAll(() => rm(directory, { recursive: true }));

async function run(flags: string): Promise<string> {
  let out = "";
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out += chunk.toString();
      done();
    },
  });
  const command = newCommand("berth trace").configureOutput({ writeErr() {} });
  const signal = new AbortController().signal;
  define(command, { argv: [], environment: {}, signal, stdout, stderr: stdout });
  await command.parseAsync(flags.replaceAll("DIR", directory).split(" "), { from: "user" });
  return out;
}

const dump = "--rules DIR/rules --node-addresses 192.168.0.2";

it("draws the ways of a packet and says what comes of each", async () => {
  expect(
    await run(`--from 10.0.0.2 --to 10.96.0.10:53/udp --interface cni0 --skip-foreign ${dump}`),
  ).toBe(`udp 10.0.0.2 -> 10.96.0.10:53, arriving through cni0
node addresses: 192.168.0.2

nat PREROUTING 1: -j KUBE-SERVICES
nat KUBE-SERVICES 1: -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU
├─  50.00 %  nat KUBE-SVC-TCOU7JCQXEZGVUNU 1: -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A
│            nat KUBE-SEP-A 1: -s 10.0.0.2/32 -j KUBE-MARK-MASQ
│            nat KUBE-MARK-MASQ 1: -j MARK --set-xmark 0x4000/0x4000
│            nat KUBE-SEP-A 2: -p udp -m udp -j DNAT --to-destination 10.0.0.2:53
│            filter FORWARD 3: -d 10.0.0.0/8 -j ACCEPT
│            nat POSTROUTING 1: -j KUBE-POSTROUTING
│            nat KUBE-POSTROUTING 1: -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully
│            => 10.0.0.2:53, masqueraded
└─  50.00 %  nat KUBE-SVC-TCOU7JCQXEZGVUNU 2: -j KUBE-SEP-B
             nat KUBE-SEP-B 2: -p udp -m udp -j DNAT --to-destination 10.0.0.3:53
             filter FORWARD 3: -d 10.0.0.0/8 -j ACCEPT
             nat POSTROUTING 1: -j KUBE-POSTROUTING
             => 10.0.0.3:53, source kept

result:
   50.00 %  10.0.0.2:53, masqueraded
   50.00 %  10.0.0.3:53, source kept

taken as not matching, because nobody can tell:
  filter FORWARD 1: -m set --match-set banned src -j DROP
`);
});

it("names the policy that dropped a packet", async () => {
  const text = await run(`--from 10.0.0.9 --to 1.1.1.1:80 --interface docker1 --skip-foreign ${dump}`);
  expect(text).toContain("nat PREROUTING 1: -j KUBE-SERVICES\n=> DROP by the policy of filter FORWARD\n");
  expect(text).toContain("result:\n  100.00 %  DROP by the policy of filter FORWARD\n");
});

it("tells programs all of it", async () => {
  const json = await run(
    `--from 10.0.0.9:999 --to 10.96.0.10:53/UDP --skip-foreign ${dump} --interface x --output json`,
  );
  expect(JSON.parse(json)).toMatchObject({
    packet: { source: "10.0.0.9", sourcePort: 999, destination: "10.96.0.10", port: 53, protocol: "udp" },
    nodeAddresses: ["192.168.0.2"],
    endpoints: [
      { endpoint: "10.0.0.2:53", share: 0.5, masquerade: false },
      { endpoint: "10.0.0.3:53", share: 0.5, masquerade: false },
    ],
    outcomes: [
      { verdict: "ACCEPT", rules: expect.arrayContaining([expect.objectContaining({ chain: "FORWARD" })]) },
      {},
    ],
    skipped: [{ table: "filter", chain: "FORWARD", number: 1 }],
  });
});

const good = "--from 10.0.0.9 --to 10.96.0.10:53/udp --node-addresses 192.168.0.2";

it.each([
  ["--from here --to 1.1.1.1:80", "UsageError", '--from: "here" is no address; give ADDRESS or ADDRESS:PORT, such as'],
  ["--from fd00::1:70000 --to 1.1.1.1:80", "UsageError", "--from: "],
  ["--from 1.1.1.1:0 --to 1.1.1.1:80", "UsageError", '--from: "1.1.1.1:0" is no address'],
  ["--from 1.1.1.1 --to 1.1.1.1", "UsageError", '--to: "1.1.1.1" is no destination; give ADDRESS:PORT or'],
  ["--from 1.1.1.1 --to 1.1.1.1:80/icmp", "UsageError", '--to: "1.1.1.1:80/icmp" is no destination'],
  ["--from 1.1.1.1 --to 1.1.1.1:99999", "UsageError", '--to: "1.1.1.1:99999" is no destination'],
  ["--from 1.1.1.1 --to fd00::1:80", "UsageError", '--to: "fd00::1:80" is no destination; give'],
  ["--from 1.1.1.1 --to [fd00::1]:80", "UsageError", "--from: 1.1.1.1 is no IPv6 address as --to is; give two of one"],
  [`${good},x`, "UsageError", '--node-addresses: "x" is no address; give them with commas between'],
  [`${good} --rules DIR/none`, "UsageError", "none'; give a readable file, or - for standard input"],
  [`${good} --rules DIR/empty`, "UsageError", "empty holds no table; give the output of iptables-save"],
  [
    `${good} --rules DIR/broken`,
    "UsageError",
    'broken: iptables-save line 2: "hello" is not expected; give the output',
  ],
  [
    `--from fd00::9 --to [fd00::1]:80 ${dump}`,
    "UsageError",
    "rules is of another family than --to (it names 10.96.0.10); give the output of ip6tables-save",
  ],
  [
    `${good} --rules DIR/rules`,
    "FailureError",
    'filter FORWARD rule 1 (-m set --match-set banned src -j DROP): what "set" matches is not known; --skip-foreign takes the rule as not matching',
  ],
  ["--to 1.1.1.1:80", "CommanderError", "required option '--from <address[:port]>' not specified"],
  [`${good} --output yaml`, "CommanderError", "Allowed choices are text, json"],
])("refuses %j", async (flags, name, message) => {
  await expect(run(flags)).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
});

it("asks for the interface when a rule needs it", async () => {
  const rules = join(directory, "interface");
  await writeFile(rules, "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i eth0 -j DROP\nCOMMIT\n");
  const flags = `--from 10.0.0.9 --to 1.1.1.1:80 --node-addresses 192.168.0.2 --rules ${rules}`;
  await expect(run(flags)).rejects.toThrow(
    "filter FORWARD rule 1 (-i eth0 -j DROP): the interface through which the packet arrives is not known; give it with --interface NAME; --skip-foreign takes the rule as not matching",
  );
  expect(await run(`${flags} --interface eth0`)).toContain("100.00 %  DROP by filter FORWARD 1: -i eth0 -j DROP");
});
