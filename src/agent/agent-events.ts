import type { Service } from "../api/index.ts";
import { EventRecorder, type EventText, type KubeClient } from "../kube/index.ts";
import type { AgentOptions } from "./agent-options.ts";

/** Tells of Services, in events that people see beside them. */
export interface ServiceEvents {
  /** `note`: what is wrong; the node is named beside it. All nodes that tell the same have one event together. */
  serviceWarning(service: string, reason: string, action: string, note: string): void;
}

type RecorderOptions = Pick<AgentOptions, "identity" | "logger" | "metrics" | "clock" | "random"> & {
  readonly client: Pick<KubeClient, "create" | "patch">;
};

export function agentRecorder({ identity, ...options }: RecorderOptions): EventRecorder {
  return new EventRecorder({ ...options, controller: "berth.dev/agent", instance: identity });
}

/** Tells, beside the Node, why its agent ends before it has begun. Waits a moment for it to be written. */
export async function tellFailedStart(options: RecorderOptions, nodeName: string, why: string): Promise<void> {
  await using recorder = agentRecorder(options);
  new AgentEvents(recorder, nodeName, () => undefined).node("Warning", "FailedToStartProxier", why);
}

/** Events about the node and about Services, as kube-proxy writes them. */
export class AgentEvents implements ServiceEvents {
  readonly #recorder: Pick<EventRecorder, "event">;
  readonly #nodeName: string;
  readonly #service: (key: string) => Service | undefined;

  constructor(recorder: Pick<EventRecorder, "event">, nodeName: string, service: (key: string) => Service | undefined) {
    this.#recorder = recorder;
    this.#nodeName = nodeName;
    this.#service = service;
  }

  node(type: EventText["type"], reason: string, note: string): void {
    // Events of kubelet and kube-proxy carry the node's name as its UID, and `kubectl describe node` looks for that.
    const metadata = { name: this.#nodeName, uid: this.#nodeName };
    this.#recorder.event({ kind: "Node", metadata }, { type, reason, action: "StartKubeProxy", note });
  }

  serviceWarning(key: string, reason: string, action: string, note: string): void {
    const metadata = this.#service(key)?.metadata;
    if (metadata === undefined) return;
    const text = `node ${this.#nodeName}, perhaps others: ${note}`;
    this.#recorder.event(
      { apiVersion: "v1", kind: "Service", metadata },
      { type: "Warning", reason, action, note: text, shared: note },
    );
  }
}
