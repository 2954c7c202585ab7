import { expect, it } from "vitest";
import { FailureError } from "../../base/index.ts";
import { FakeIptables } from "../../kernel/fake-iptables.ts";
import { UnreachableError } from "../connection.ts";
import { explainNoAnswer } from "./api-server.ts";
import { configuration } from "./testing/command-line.ts";

const signal = new AbortController().signal;
const failure = new UnreachableError("cannot reach the API server https://10.96.0.1:443");
const pod = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_PORT_443_TCP_ADDR: "10.96.0.1" };
const explained =
  "10.96.0.1 is the ClusterIP of the API server, and this node has no rules for it before this agent has written them; " +
  "give a --kubeconfig or a --master with an address of the control plane, or set KUBERNETES_SERVICE_HOST and " +
  "KUBERNETES_SERVICE_PORT of the container to one";

interface Case {
  readonly args?: readonly string[];
  readonly environment?: Record<string, string>;
  readonly rules?: string;
  readonly error?: Error;
}

it.each<[string, Case, boolean]>([
  ["as a pod of a node without rules", {}, true],
  ["as a pod that knows one address only", { environment: { KUBERNETES_SERVICE_HOST: "10.96.0.1" } }, true],
  [
    "as a pod with the address of a control plane",
    { environment: { ...pod, KUBERNETES_SERVICE_HOST: "192.0.2.1" } },
    false,
  ],
  ["with rules that another proxy left", { rules: "*nat\n:KUBE-SERVICES - [0:0]\nCOMMIT\n" }, false],
  ["with chains of others", { rules: "*nat\n:BERTH-SERVICES - [0:0]\nCOMMIT\n" }, true],
  [
    "with rules that this agent left",
    { args: ["--iptables-chain-prefix=BERTH"], rules: "*nat\n:BERTH-SERVICES - [0:0]\nCOMMIT\n" },
    false,
  ],
  ["with a kubeconfig", { args: ["--kubeconfig=f"] }, false],
  ["with the URL of a server", { args: ["--master=https://192.0.2.1"] }, false],
  ["outside of a pod", { environment: {} }, false],
  ["because the server does not know it", { error: new FailureError("https://10.96.0.1:443 does not know us") }, false],
  ["for another reason", { error: new Error("out of memory") }, false],
])("tells a start that fails %s", async (_, { args = [], environment = pod, rules, error = failure }, isClusterIp) => {
  const kernel = new FakeIptables("IPv4");
  if (rules !== undefined) await kernel.run("iptables-restore", ["--noflush", "-w", "5"], { stdin: rules });
  const told = await explainNoAnswer(error, configuration(...args), { environment, signal }, kernel);
  if (isClusterIp) expect(told).toEqual(new FailureError(explained, { cause: failure }));
  else expect(told).toBe(error);
});

it("tells who writes the rules when it is not this agent", async () => {
  const own = configuration("--service-proxy-name=mine", "--iptables-chain-prefix=BERTH");
  const told = await explainNoAnswer(failure, own, { environment: pod, signal }, new FakeIptables("IPv4"));
  expect(told).toMatchObject({
    message: expect.stringContaining("before the proxy of Services without a service-proxy-name has written them"),
  });
});
