import type { BalancerStatus } from "../../src/balancer/config.ts";
import type { LbIdentity } from "../../src/model/index.ts";
import type { Owner } from "./owner.ts";

/** What is known of one load balancer. */
export interface Observation {
  /** Whose directory it is; undefined while there is none that is complete. */
  readonly owner: Owner | undefined;
  /** It has a directory that is nobody's, in which nothing is but what an unfinished claim or release leaves. */
  readonly unclaimed?: boolean;
  /** Its namespace or container; undefined when there is none. */
  readonly network: NetworkState | undefined;
  /** The text of the configuration that its balancer reads. */
  readonly config: string | undefined;
  readonly process: ProcessState;
  readonly status: BalancerStatus | undefined;
}

export interface NetworkState {
  /** On the bridge and up, and its neighbours have been told. */
  readonly announced: Announcement | undefined;
  /** `address/prefix` as on the interface, sorted. */
  readonly addresses: readonly string[];
  /** Whose it is by what it bears itself; absent where nothing can be borne, and the directory alone tells. */
  readonly maker?: Maker | "nobody";
}

/** Who made it. */
export type Maker = Pick<LbIdentity, "clusterId" | "uid">;

/** What neighbours know the load balancer by: its hardware address. */
export type Announcement = string;

/** `astray`: it runs or may, but not where it should: in another namespace, or off the network. */
export type ProcessState = "none" | "running" | "astray";

/** Everything that this provider changes in the world, as data. */
export type Action =
  | { readonly kind: "claim"; readonly id: LbIdentity }
  /** Its Service goes and it stays. */
  | { readonly kind: "retain"; readonly id: LbIdentity }
  | { readonly kind: "configure"; readonly id: LbIdentity; readonly text: string }
  | { readonly kind: "connect"; readonly id: LbIdentity; readonly addresses: readonly string[]; readonly mac: string }
  | { readonly kind: "start"; readonly id: LbIdentity }
  | { readonly kind: "stop"; readonly id: LbIdentity }
  | { readonly kind: "disconnect"; readonly id: LbIdentity }
  | { readonly kind: "release"; readonly id: LbIdentity };
