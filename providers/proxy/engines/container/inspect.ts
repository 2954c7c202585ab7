import { z } from "zod";

/** A container as its engine describes it, as far as we care. */
export interface Container {
  readonly id: string;
  /** `created`, `running`, `paused`, `restarting`, `exited`, ... */
  readonly status: string;
  readonly exitCode: number;
  readonly labels: Readonly<Record<string, string>>;
  /** What it is on, with `address/prefix` on each; empty addresses while it does not run. */
  readonly networks: ReadonlyMap<string, readonly string[]>;
}

export interface ContainerNetwork {
  readonly ipv6: boolean;
}

/** Reads what `container inspect` prints; throws when it is something else. */
export function parseContainers(text: string): readonly Container[] {
  return containers.parse(JSON.parse(text)).map(({ Id, State, Config, NetworkSettings }) => ({
    id: Id,
    status: State.Status,
    exitCode: State.ExitCode,
    labels: Config.Labels ?? {},
    networks: new Map(
      Object.entries(NetworkSettings.Networks ?? {}).map(([name, endpoint]) => [name, addressesOf(endpoint)]),
    ),
  }));
}

/** Reads what `network inspect` prints; the two engines differ in their words. */
export function parseNetworks(text: string): readonly ContainerNetwork[] {
  return networks
    .parse(JSON.parse(text))
    .map((network) => ({ ipv6: network.EnableIPv6 ?? network.ipv6_enabled ?? false }));
}

type Endpoint = z.infer<typeof endpoint>;

function addressesOf({ IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen }: Endpoint): readonly string[] {
  return [
    ...(IPAddress === "" ? [] : [`${IPAddress}/${IPPrefixLen}`]),
    ...(GlobalIPv6Address === "" ? [] : [`${GlobalIPv6Address}/${GlobalIPv6PrefixLen}`]),
  ].sort();
}

const endpoint = z.object({
  IPAddress: z.string(),
  IPPrefixLen: z.number(),
  GlobalIPv6Address: z.string(),
  GlobalIPv6PrefixLen: z.number(),
});

const containers = z.array(
  z.object({
    Id: z.string(),
    State: z.object({ Status: z.string(), ExitCode: z.number() }),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
    NetworkSettings: z.object({ Networks: z.record(z.string(), endpoint).nullish() }),
  }),
);

const networks = z.array(z.object({ EnableIPv6: z.boolean().optional(), ipv6_enabled: z.boolean().optional() }));
