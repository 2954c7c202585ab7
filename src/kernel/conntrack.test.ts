import fc from "fast-check";
import { expect, it } from "vitest";
import { Conntrack, oneOfEach, parseUdpFlows, type UdpFlow } from "./conntrack.ts";
import type { Exec } from "./exec.ts";

const { signal } = new AbortController();

function flow(destination: string, destinationPort: number, replySource: string, replySourcePort: number): UdpFlow {
  return { source: "10.9.9.9", sourcePort: 999, destination, destinationPort, replySource, replySourcePort };
}

function line(one: UdpFlow, marks: string): string {
  const { source, sourcePort, destination, destinationPort, replySource, replySourcePort } = one;
  return `udp      17 29 src=${source} dst=${destination} sport=${sourcePort} dport=${destinationPort}${marks} src=${replySource} dst=${source} sport=${replySourcePort} dport=${sourcePort} mark=0 use=1\n`;
}

it("reads flows, answered or not", () => {
  const text = `udp      17 29 src=10.0.0.9 dst=10.96.0.10 sport=40847 dport=53 [UNREPLIED] src=10.244.1.3 dst=10.0.0.9 sport=5353 dport=40847 mark=0 use=1
udp      17 117 src=fd00::9 dst=fd00::a sport=1 dport=2 src=fd00::a dst=fd00::9 sport=2 dport=1 [ASSURED] mark=0 use=1
conntrack v1.4.7: 2 flow entries have been shown.
`;
  expect(parseUdpFlows(text)).toEqual([
    {
      source: "10.0.0.9",
      sourcePort: 40847,
      destination: "10.96.0.10",
      destinationPort: 53,
      replySource: "10.244.1.3",
      replySourcePort: 5353,
    },
    {
      source: "fd00::9",
      sourcePort: 1,
      destination: "fd00::a",
      destinationPort: 2,
      replySource: "fd00::a",
      replySourcePort: 2,
    },
  ]);
});

it("reads whatever it is shown, and leaves out what is no flow", () => {
  const portNumber = fc.integer({ min: 1, max: 65_535 });
  const flows = fc.record<UdpFlow>({
    source: fc.ipV4(),
    sourcePort: portNumber,
    destination: fc.ipV4(),
    destinationPort: portNumber,
    replySource: fc.ipV6(),
    replySourcePort: portNumber,
  });
  const marks = fc.constantFrom("", " [UNREPLIED]", " packets=3 bytes=180");
  const noise = fc.constantFrom("", "tcp 6 1 src=1.1.1.1 dst=2.2.2.2\n", "src=\n", "\n", "conntrack v1.4.7: shown\n");
  fc.assert(
    fc.property(fc.array(fc.tuple(flows, marks, noise)), (all) => {
      const text = all.map(([one, mark, garbage]) => line(one, mark) + garbage).join("");
      expect(parseUdpFlows(text)).toEqual(all.map(([one]) => one));
    }),
  );
});

it("needs one flow of each pair of destination and answering address", () => {
  const flows = [
    flow("10.0.0.5", 53, "10.1.0.1", 1),
    flow("10.0.0.5", 53, "10.1.0.2", 1),
    flow("10.0.0.5", 53, "10.1.0.1", 2),
  ];
  const more = flows.map((one) => ({ ...one, sourcePort: 5 }));
  expect(oneOfEach([...flows, ...more])).toEqual(more);
});

it("finds what is wanted in a table of any size without standing still", async () => {
  const one = flow("10.0.0.1", 53, "10.1.0.1", 53);
  const text = Array.from({ length: 50_000 }, (_, i) => line({ ...one, sourcePort: i }, "")).join("");
  const calls: string[] = [];
  const exec: Exec = {
    async run(program, args) {
      calls.push([program, ...args].join(" "));
      return { code: 0, stdout: text, stderr: "" };
    },
  };
  const table = new Conntrack(exec, "IPv4");
  let turns = 0;
  let over = false;
  const count = () => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const found = await table.findUdpFlows([], ({ sourcePort }) => sourcePort % 10_000 === 7, signal);
  over = true;
  expect(found.map(({ sourcePort }) => sourcePort)).toEqual([7, 10_007, 20_007, 30_007, 40_007]);
  expect(turns).toBeGreaterThan(10);
  const filters = [
    { destination: "10.0.0.1", destinationPort: 53 },
    { destination: undefined, destinationPort: 30_053 },
  ];
  await table.findUdpFlows(filters, () => false, signal);
  expect(calls).toEqual([
    "conntrack -L -p udp -f ipv4",
    "conntrack -L -p udp -f ipv4 -d 10.0.0.1 --dport 53",
    "conntrack -L -p udp -f ipv4 --dport 30053",
  ]);
});

it.each([
  ["conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n", undefined],
  ["conntrack v1.4.7 (conntrack-tools): Operation failed: such conntrack doesn't exist\n", "exit code 1"],
])("takes a flow that went by itself for deleted, and nothing else: %j", async (stderr, failure) => {
  const table = new Conntrack({ run: async () => ({ code: 1, stdout: "", stderr }) }, "IPv4");
  const forgetting = table.forgetTo(flow("10.96.0.10", 53, "10.0.0.1", 53), signal);
  if (failure === undefined) await forgetting;
  else await expect(forgetting).rejects.toThrow(failure);
});
