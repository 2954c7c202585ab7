import type { EndpointSlice, Node, Service } from "../../api/index.ts";
import { node } from "../../model/testing/objects.ts";
import type { ClusterState } from "../cluster-state.ts";

/** A cluster in memory. */
export class MemoryState implements ClusterState {
  readonly services: Map<string, Service> = new Map();
  readonly allSlices: Map<string, EndpointSlice[]> = new Map();
  nodeObject: Node | undefined = node("node-a");

  serviceKeys(): readonly string[] {
    return [...this.services.keys()];
  }

  service(key: string): Service | undefined {
    return this.services.get(key);
  }

  slices(key: string): readonly EndpointSlice[] {
    return this.allSlices.get(key) ?? [];
  }

  node(): Node | undefined {
    return this.nodeObject;
  }
}
