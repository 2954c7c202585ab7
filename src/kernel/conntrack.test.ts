import { expect, it } from "vitest";
import { parseUdpFlows } from "./conntrack.ts";

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
