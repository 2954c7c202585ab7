import type { DesiredLoadBalancer, NodeTarget } from "../../src/model/index.ts";
import type { PortRange } from "../../src/net/index.ts";
import type {
  Capabilities,
  Issue,
  LbStatus,
  OwnedObject,
  Plan,
  ProviderAdapter,
  ScopeKey,
  StepResult,
} from "../../src/provider/index.ts";
import { nothingToDo, status, validate } from "./plan.ts";

export const capabilities: Capabilities = {
  protocols: ["TCP", "UDP", "SCTP"],
  mixedProtocols: true,
  families: ["IPv4", "IPv6"],
  dualStack: true,
  needsNodePorts: false,
  needsAddresses: false,
  ipMode: "VIP",
  sourceRanges: true,
  sessionAffinity: true,
  needs: "address",
  members: false,
  endpointNodes: true,
  agents: true,
};

/** There is nothing outside to look at or to change: the status of the Service is all that it makes. */
export class NodeAdapter implements ProviderAdapter<null, null> {
  readonly name = "node";
  readonly capabilities: Capabilities = capabilities;
  readonly #reservedPorts: readonly PortRange[];

  constructor(reservedPorts: readonly PortRange[]) {
    this.#reservedPorts = reservedPorts;
  }

  validate(desired: DesiredLoadBalancer): readonly Issue[] {
    return validate(desired, this.#reservedPorts);
  }

  scopes({ id }: DesiredLoadBalancer): readonly ScopeKey[] {
    return [{ kind: "service", id }];
  }

  snapshot(): Promise<null> {
    return Promise.resolve(null);
  }

  observe(): Promise<null> {
    return Promise.resolve(null);
  }

  plan(): Plan {
    return nothingToDo;
  }

  apply(): Promise<StepResult> {
    return Promise.reject(new Error("the node provider plans no steps"));
  }

  status(desired: DesiredLoadBalancer, _service: null, _members: null, nodes: readonly NodeTarget[]): LbStatus {
    return status(desired, nodes);
  }

  async *listOwned(): AsyncIterable<OwnedObject> {}
}
