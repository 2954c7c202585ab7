import type { Clock } from "../base/index.ts";
import type { PortRange } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ProviderAdapter } from "./contract.ts";
import type { RequestLimits } from "./requests.ts";

/** What `providers/<name>/index.ts` exports as `provider`: how the command line asks for it and builds it. */
export interface ProviderModule {
  readonly name: string;
  readonly flags: readonly ProviderFlag[];
  /**
   * Checks the flags (throws `UsageError` naming the flag) and what the process may do here (throws `FailureError`
   * with the remedy, for instance when it has to be root). Changes nothing outside.
   */
  create(context: ProviderContext): Promise<ProviderAdapter>;
}

/**
 * One flag of the provider's own, `--<provider>-<word> <value>`. Never a secret itself, which `/configz` and the list of
 * processes would show: the file that holds it.
 */
export interface ProviderFlag {
  /** As commander takes it: `--proxy-netns <name>`. */
  readonly flag: string;
  readonly description: string;
}

export interface ProviderContext {
  /** Values by the flag's long name without dashes: `proxy-netns`; undefined when it was not given. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly clusterId: string;
  /** A directory that outlives the controller; the provider keeps its own things below `<stateDir>/<clusterId>`. */
  readonly stateDir: string;
  /** Program and arguments that start this same `berth`; a sub-command follows. */
  readonly berth: readonly string[];
  /** Ports of the nodes' own addresses that no Service may take. */
  readonly reservedPorts: readonly PortRange[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asked before every mutating request, as `Requests` does; a text says why nothing may be written any more. */
  readonly fence: () => string | undefined;
  /** Handed on to the provider's `Requests`. */
  readonly requestLimits?: RequestLimits;
  readonly logger: Logger;
  readonly clock: Clock;
}
