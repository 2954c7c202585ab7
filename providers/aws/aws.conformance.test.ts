import { vpcId } from "../../sandbox/aws/index.ts";
import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import { type Bed, describeConformance, type ServiceDesired } from "../../src/provider/testing/conformance.ts";
import { tagKeys } from "./identity.ts";
import { loadBalancerName } from "./plan/index.ts";
import { nlbSpec } from "./schema/index.ts";
import { Account, certificate, otherCertificate } from "./testing/account.ts";
import { desiredLb, node, port } from "./testing/values.ts";

const prefix = "service.beta.kubernetes.io/aws-load-balancer-";
const settings = { region: "eu-west-1", agents: true };

/** An account, in which load balancers are set up at once: nobody waits for real minutes. */
class AwsBed implements Bed {
  readonly #account: Account;

  constructor(account: Account) {
    this.#account = account;
    account.aws.trouble = ({ action }) => {
      if (["DescribeLoadBalancers", "DeleteSecurityGroup"].includes(action)) account.aws.pass(130_000);
      return undefined;
    };
  }

  adapter(fence: () => string | undefined = () => undefined): ReturnType<Bed["adapter"]> {
    return this.#account.adapter({ fence });
  }

  async fingerprint(): Promise<string> {
    return this.#account.fingerprint();
  }

  begun(): number {
    return this.#account.aws.writes().length;
  }

  async occupy(): Promise<void> {
    const { uid } = wishes["a port"].lb.id;
    for (const wish of Object.values(wishes)) {
      const name = loadBalancerName(wish.lb, nlbSpec(wish.lb, settings).spec, vpcId);
      this.#account.addForeign(name, { [tagKeys.cluster]: "another", [tagKeys.uid]: uid });
    }
  }

  async retain(): Promise<void> {
    const { state } = this.#account.aws;
    const objects = [state.loadBalancers, state.listeners, state.targetGroups, state.groups].flatMap((all) => [
      ...all.values(),
    ]);
    for (const { tags } of [...objects, ...state.rules()])
      if (tags.has(tagKeys.cluster)) tags.set(tagKeys.retained, "true");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#account[Symbol.asyncDispose]();
  }
}

function wish(changes: Partial<DesiredLoadBalancer>, nodes: ServiceDesired["nodes"]): ServiceDesired {
  return { kind: "service", lb: desiredLb(changes), nodes };
}

const wishes = {
  "a port": wish({}, [node(1), node(2)]),
  "two ports with TLS, other nodes and other attributes": wish(
    {
      ports: [port("TCP", 443, 30_443, "https"), port("UDP", 53, 30_053, "dns")],
      sourceRanges: [],
      annotations: {
        [`${prefix}ssl-cert`]: `${certificate},${otherCertificate}`,
        [`${prefix}ssl-ports`]: "https",
        [`${prefix}attributes`]: "load_balancing.cross_zone.enabled=true",
        [`${prefix}additional-resource-tags`]: "team=web",
        "berth.dev/drain-seconds": "30",
      },
    },
    [node(2), node(3)],
  ),
} as const;

describeConformance("aws-nlb", { newBed: async () => new AwsBed(await Account.open()), wishes, timeoutMs: 600_000 });
