import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as tagging from "@aws-sdk/client-resource-groups-tagging-api";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Fault } from "../../src/provider/index.ts";
import { awsCode, isKnown, providerError } from "./errors.ts";

/** Of calls that Berth does not make: trust stores, rules of application load balancers, reserved capacity. */
const foreign =
  /TrustStore|CaCertificates|Revocation|Rule(s|NotFound)|Priority|Capacity(Dec|Res|Units)|Association(Same|NotFound)|DeleteAssoc|Service$/;

let server: Server;
/** What the next requests are answered with; undefined: the connection is cut. */
let answer: { readonly status: number; readonly body: string; readonly type?: string } | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    if (answer === undefined) request.socket.destroy();
    else response.writeHead(answer.status, { "content-type": answer.type ?? "text/xml" }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => void server.close());

/** What the real SDK makes of the answer, and what we make of that. */
async function faultOf(
  service: "elb" | "ec2" | "sts" | "tag",
  reply: typeof answer,
): Promise<{ fault: Fault; message: string }> {
  answer = reply;
  const { port } = server.address() as AddressInfo;
  const options = {
    region: "eu-west-1",
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    maxAttempts: 1,
  };
  const send = {
    elb: async () => {
      using client = disposable(new elb.ElasticLoadBalancingV2Client(options));
      await client.it.send(new elb.DescribeLoadBalancersCommand({}));
    },
    ec2: async () => {
      using client = disposable(new EC2Client(options));
      await client.it.send(new DescribeInstancesCommand({}));
    },
    sts: async () => {
      using client = disposable(new STSClient(options));
      await client.it.send(new GetCallerIdentityCommand({}));
    },
    tag: async () => {
      using client = disposable(new tagging.ResourceGroupsTaggingAPIClient(options));
      await client.it.send(new tagging.GetResourcesCommand({}));
    },
  }[service];
  try {
    await send();
  } catch (error) {
    const { fault, message } = providerError(error, { action: "a:Act", region: "eu-west-1" });
    return { fault, message };
  }
  throw new Error("it did not fail");
}

function disposable<T extends { destroy(): void }>(it: T): Disposable & { readonly it: T } {
  return { it, [Symbol.dispose]: () => it.destroy() };
}

function elbError(code: string, message: string = "why", status: number = 400): typeof answer {
  const body = `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  return { status, body };
}

function ec2Error(code: string, message: string = "why", status: number = 400): typeof answer {
  const body = `<?xml version="1.0"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>1</RequestID></Response>`;
  return { status, body };
}

it("has a treatment for every failure that the SDK has a class of and that Berth's calls can have", () => {
  const names = [...Object.keys(elb), ...Object.keys(tagging)].filter((name) => name.endsWith("Exception"));
  const codes = [
    ...new Set(
      names.map((name) => name.replace(/(Service)?Exception$/, (end) => (end === "Exception" ? "" : "Service"))),
    ),
  ];
  expect(codes.length).toBeGreaterThan(40);
  expect(codes.filter((code) => !isKnown(code) && !foreign.test(code))).toEqual([]);
  expect(codes.filter((code) => isKnown(code) && foreign.test(code))).toEqual(["InternalService"]);
});

it.each<[string, typeof answer, Fault]>([
  ["a modelled one", elbError("TargetGroupNotFound"), { kind: "notFound" }],
  [
    "one that no class is of",
    elbError("ValidationError"),
    { kind: "blocked", reason: "RefusedByAWS", remedy: "change what the Service asks for as the message says" },
  ],
  ["a quota", elbError("TooManyListeners"), { kind: "quota", limit: "listeners of a load balancer" }],
  [
    "a name that is taken",
    elbError("DuplicateLoadBalancerName"),
    { kind: "conflict", owner: "somebody else, as far as can be seen" },
  ],
  [
    "throttling",
    elbError("Throttling", "Rate exceeded"),
    { kind: "throttled", scope: "account/eu-west-1", retryAfterMs: 5000 },
  ],
  [
    "throttling by another word",
    elbError("ThrottlingException"),
    { kind: "throttled", scope: "account/eu-west-1", retryAfterMs: 5000 },
  ],
  [
    "what may not be done, named by AWS",
    elbError(
      "AccessDenied",
      "User: arn:aws:iam::1:user/x is not authorized to perform: elasticloadbalancing:AddTags on resource: *",
      403,
    ),
    { kind: "forbidden", action: "elasticloadbalancing:AddTags" },
  ],
  ["what may not be done, named by us", elbError("AccessDenied", "no", 403), { kind: "forbidden", action: "a:Act" }],
  [
    "credentials that have run out",
    elbError("ExpiredToken", "x", 403),
    {
      kind: "blocked",
      reason: "CredentialsExpired",
      remedy: "see to it that the controller's credentials are renewed",
    },
  ],
  [
    "a clock that is wrong",
    elbError("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", 403),
    { kind: "blocked", reason: "ClockSkew", remedy: "set the clock of the controller's node right" },
  ],
  [
    "a key that is wrong",
    elbError("SignatureDoesNotMatch", "The request signature we calculated does not match", 403),
    { kind: "blocked", reason: "CredentialsInvalid", remedy: "give the controller credentials that AWS knows" },
  ],
  [
    "a refusal in words that nobody knows",
    elbError("NeverHeardOf"),
    { kind: "blocked", reason: "RefusedByAWS", remedy: "change what the Service asks for as the message says" },
  ],
  [
    "a word that every object has",
    elbError("constructor"),
    { kind: "blocked", reason: "RefusedByAWS", remedy: "change what the Service asks for as the message says" },
  ],
  ["an unknown trouble of AWS itself", elbError("Oops", "x", 500), { kind: "retryable" }],
  [
    "a page of a proxy",
    { status: 502, type: "text/html", body: "<html><body>Bad Gateway</body></html>" },
    { kind: "retryable" },
  ],
  ["a page that claims success", { status: 200, type: "text/html", body: "<html><body>Log in" }, { kind: "retryable" }],
  ["half an answer", { status: 200, body: "<DescribeLoadBalancersResponse><Describe" }, { kind: "retryable" }],
  ["a connection that is cut", undefined, { kind: "retryable" }],
])("understands what ELBv2 says: %s", async (_, reply, fault) => {
  expect((await faultOf("elb", reply)).fault).toEqual(fault);
});

it.each<[string, Fault["kind"]]>([
  ["InvalidGroup.NotFound", "notFound"],
  ["InvalidPermission.NotFound", "notFound"],
  ["InvalidPermission.Duplicate", "retryable"],
  ["InvalidGroup.Duplicate", "conflict"],
  ["DependencyViolation", "retryable"],
  ["RulesPerSecurityGroupLimitExceeded", "quota"],
  ["RequestLimitExceeded", "throttled"],
  ["UnauthorizedOperation", "forbidden"],
  ["AuthFailure", "blocked"],
  ["InvalidInstanceID.NotFound", "retryable"],
  ["InvalidSubnetID.NotFound", "blocked"],
])("understands what EC2 says: %s", async (code, kind) => {
  expect((await faultOf("ec2", ec2Error(code))).fault.kind).toBe(kind);
});

it("understands the other two", async () => {
  expect((await faultOf("sts", elbError("InvalidClientTokenId", "x", 403))).fault.kind).toBe("blocked");
  const type = "application/x-amz-json-1.1";
  const fault = async (__type: string, message: string): Promise<Fault> =>
    (await faultOf("tag", { status: 400, type, body: JSON.stringify({ __type, message }) })).fault;
  expect((await fault("ThrottledException", "slow")).kind).toBe("throttled");
  expect(await fault("InvalidSignatureException", "Signature expired: 1 is now earlier than 2")).toMatchObject({
    reason: "ClockSkew",
  });
  expect(await fault("com.amazon.coral.service#UnrecognizedClientException", "x")).toMatchObject({
    reason: "CredentialsInvalid",
  });
});

it("says what was asked, AWS' word and AWS' reason", async () => {
  expect((await faultOf("elb", elbError("SubnetNotFound", "subnet-1 is gone"))).message).toBe(
    "a:Act: SubnetNotFound: subnet-1 is gone",
  );
});

it.each<[string, typeof answer, string]>([
  [
    "a page of a proxy",
    { status: 403, type: "text/html", body: "<html><body>Not from here</body></html>" },
    "a:Act: what came is no answer of AWS: Unknown (status 403); see what stands between the controller and AWS, a proxy or another endpoint",
  ],
  [
    "half an answer",
    { status: 200, body: "<DescribeLoadBalancersResponse><Describe" },
    "a:Act: what came is no answer of AWS: @aws-sdk XML parse error: unexpected end of input. (status 200); see what stands between the controller and AWS, a proxy or another endpoint",
  ],
  [
    "a connection that is cut",
    undefined,
    "a:Act: AWS was not reached: ECONNRESET: socket hang up; let the controller get to AWS' endpoints, or say by --aws-nlb-endpoint where AWS is",
  ],
])("says what to do about %s", async (_, reply, message) => {
  expect((await faultOf("elb", reply)).message).toBe(message);
});

it("names what an assumed role may not do", () => {
  const error = Object.assign(new Error("Not authorized to perform sts:AssumeRoleWithWebIdentity"), {
    Code: "AccessDenied",
  });
  expect(providerError(error, { action: "a:Act", region: "r" }).fault).toEqual({
    kind: "forbidden",
    action: "sts:AssumeRoleWithWebIdentity",
  });
});

it.each<[unknown, string]>([
  [undefined, ""],
  ["text", ""],
  [new Error("x"), "Error"],
  [Object.assign(new Error("x"), { Code: "ThrottlingException" }), "Throttling"],
  [Object.assign(new Error("x"), { name: "ListenerNotFoundException" }), "ListenerNotFound"],
])("takes the code out of %j", (error, code) => {
  expect(awsCode(error)).toBe(code);
});
