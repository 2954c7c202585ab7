import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Action } from "./actions.ts";
import { callOf, type WriteCall } from "./calls.ts";

const tags = { "berth.dev/cluster": "c", a: "b" };
const tls = { certificates: ["arn:one", "arn:two"], policy: "ELBSecurityPolicy-1", alpn: "None" };
const http = { path: "/healthz", codes: "200-399" };
const timing = { intervalSeconds: 10, timeoutSeconds: 6, healthyThreshold: 2, unhealthyThreshold: 3 };
const byHttp = { protocol: "HTTP", port: 10_256, http, ...timing } as const;
const byTcp = { protocol: "TCP", port: "traffic-port", http: undefined, ...timing } as const;
const made = { step: "frontend-group", output: "id" } as const;
const one = [{ targetGroup: "arn:tg", weight: 1 }];
const both = [...one, { targetGroup: "arn:new", weight: 0 }];
const targets = [
  { id: "i-1", port: 30_080 },
  { id: "i-1", port: 30_081 },
];
const subnets = [
  { subnet: "subnet-1", allocation: "eipalloc-1" },
  { subnet: "subnet-2", privateIpv4: "10.0.0.9", ipv6: "2001:db8::9" },
];
const ipv4 = { ipAddressType: "ipv4", sourceNat: false } as const;
const rules = ["10.0.0.0/8", "2001:db8::/32", "pl-1", "sg-1"].map(
  (source) => ({ protocol: "tcp", from: 1, to: 2, source }) as const,
);

/** Every kind of action, and every form that its request can have. */
const actions: readonly Action[] = [
  { kind: "createLoadBalancer", name: "n", scheme: "internal", ...ipv4, subnets, groups: [made, "sg-2"], tags },
  {
    kind: "createLoadBalancer",
    name: "n",
    scheme: "internet-facing",
    ipAddressType: "dualstack",
    sourceNat: true,
    subnets: [],
    groups: [],
    tags,
  },
  { kind: "setSubnets", arn: "arn:lb", ipAddressType: "dualstack", sourceNat: false, subnets },
  { kind: "setSecurityGroups", arn: "arn:lb", groups: ["sg-1", made], privateLink: false },
  { kind: "setSecurityGroups", arn: "arn:lb", groups: ["sg-1"], privateLink: true },
  { kind: "deleteLoadBalancer", arn: "arn:lb" },
  { kind: "createTargetGroup", name: "n", protocol: "TCP_UDP", port: 80, vpcId: "vpc-1", healthCheck: byHttp, tags },
  { kind: "modifyTargetGroup", arn: "arn:tg", healthCheck: byTcp },
  { kind: "modifyTargetGroup", arn: "arn:tg", healthCheck: byHttp },
  { kind: "deleteTargetGroup", arn: "arn:tg" },
  { kind: "registerTargets", targetGroup: "arn:tg", targets },
  { kind: "deregisterTargets", targetGroup: "arn:tg", targets },
  { kind: "createListener", loadBalancer: made, port: 443, content: { protocol: "TLS", targetGroups: one, tls }, tags },
  {
    kind: "modifyListener",
    arn: "arn:l",
    content: { protocol: "TCP", targetGroups: both, tls: undefined },
    issue: undefined,
  },
  { kind: "addCertificates", listener: made, certificates: ["arn:two"] },
  { kind: "removeCertificates", listener: "arn:l", certificates: ["arn:two"] },
  { kind: "deleteListener", arn: "arn:l" },
  { kind: "createGroup", name: "n", vpcId: "vpc-1", tags },
  { kind: "authorize", group: made, rules, tags },
  { kind: "revoke", group: "sg-1", rules: ["sgr-1", "sgr-2"] },
  { kind: "deleteGroup", id: "sg-1" },
  { kind: "setAttributes", of: "loadBalancer", arn: "arn:lb", attributes: { b: "1", a: "" } },
  { kind: "setAttributes", of: "targetGroup", arn: "arn:tg", attributes: { a: "1" } },
  { kind: "setAttributes", of: "listener", arn: made, attributes: { a: "1" } },
  { kind: "addTags", at: "elb", id: "arn:lb", tags },
  { kind: "addTags", at: "ec2", id: "sg-1", tags },
  { kind: "removeTags", at: "elb", id: "arn:lb", keys: ["a"] },
  { kind: "removeTags", at: "ec2", id: "sg-1", keys: ["a"] },
];

let server: Server;
/** The body of the last request. */
let sent = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    sent = "";
    request.setEncoding("utf8").on("data", (part: string) => (sent += part));
    request.on("end", () => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => void server.close());

/** The form that the real SDK sends; what it does not know it leaves out. */
async function formOf({ api, name, input }: WriteCall): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const options = {
    region: "eu-west-1",
    endpoint,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    maxAttempts: 1,
  };
  const client: any = api === "elb" ? new elb.ElasticLoadBalancingV2Client(options) : new ec2.EC2Client(options);
  const commands: Record<string, any> = api === "elb" ? { ...elb } : { ...ec2 };
  const command = new commands[`${name}Command`](input);
  await expect(client.send(command)).rejects.toThrow();
  client.destroy();
  return [...new URLSearchParams(sent)].map(([key, value]) => `${key}=${value}`).join("\n  ");
}

it("sends to AWS what its golden says", async () => {
  const forms: string[] = [];
  for (const action of actions)
    forms.push(await formOf(callOf(action, (ref) => (typeof ref === "string" ? ref : `of-${ref.step}`))));
  await expect(`${forms.join("\n\n")}\n`).toMatchFileSnapshot("testdata/calls.txt");
});
