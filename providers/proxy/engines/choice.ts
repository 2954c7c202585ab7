import { UsageError } from "../../../src/base/index.ts";
import type { ProviderContext } from "../../../src/provider/index.ts";

/** A command line that makes containers; both speak the same words as far as we need them. */
export type ContainerProgram = "docker" | "podman";

export type EngineName = "namespace" | ContainerProgram;

/** The flags that mean something to some engines only. */
const namespaceFlags = ["proxy-bridge", "proxy-netns", "proxy-network"] as const;
const containerFlags = ["proxy-container-network", "proxy-image"] as const;

/**
 * Which engine is asked for. Without a flag that says so it is the one that kind uses too, unless a bridge is named.
 * Throws `UsageError` that names the flag.
 */
export function engineOf(
  flags: ProviderContext["flags"],
  environment: Readonly<Record<string, string | undefined>>,
): EngineName {
  const named = flags["proxy-engine"];
  if (named !== undefined && named !== "namespace" && !isContainerProgram(named))
    throw new UsageError(`--proxy-engine: ${JSON.stringify(named)} is no engine; give namespace, docker or podman`);
  const kind = environment["KIND_EXPERIMENTAL_PROVIDER"];
  const bridged = namespaceFlags.some((flag) => flags[flag] !== undefined);
  const engine = named ?? (isContainerProgram(kind) && !bridged ? kind : "namespace");
  const foreign = (engine === "namespace" ? containerFlags : namespaceFlags).find((flag) => flags[flag] !== undefined);
  if (foreign !== undefined)
    throw new UsageError(
      `--${foreign}: it means nothing to the engine ${engine}; remove it or give another --proxy-engine`,
    );
  return engine;
}

function isContainerProgram(name: string | undefined): name is ContainerProgram {
  return name === "docker" || name === "podman";
}
