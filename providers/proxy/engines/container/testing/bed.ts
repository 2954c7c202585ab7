import { type Clock, systemClock } from "../../../../../src/base/index.ts";
import { Requests } from "../../../../../src/provider/index.ts";
import type { ProxyAdapter } from "../../../adapter.ts";
import { createProvider } from "../../../index.ts";
import { ContainerEngine, type ContainerSettings } from "../index.ts";
import type { FakeContainers } from "./fake-containers.ts";

export function settingsOf({ program }: FakeContainers): ContainerSettings {
  return { program, network: "kind", image: "berth:latest" };
}

interface BedOptions {
  readonly fence?: (() => string | undefined) | undefined;
  readonly clock?: Clock;
}

/** An adapter without memory, as after a restart of the controller. */
export function containerAdapter(
  fake: FakeContainers,
  stateDir: string,
  clusterId: string,
  { fence = () => undefined, clock = systemClock }: BedOptions = {},
): ProxyAdapter {
  return createProvider({
    stateDir,
    clusterId,
    engine: (requests: Requests) => new ContainerEngine({ ...settingsOf(fake), exec: fake.exec }, requests),
    fence,
    clock,
    addressing: { kind: "engine" },
  });
}
