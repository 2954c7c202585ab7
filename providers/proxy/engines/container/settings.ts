import { UsageError } from "../../../../src/base/index.ts";
import type { ProviderContext } from "../../../../src/provider/index.ts";
import type { ContainerProgram } from "../choice.ts";

export interface ContainerSettings {
  readonly program: ContainerProgram;
  /** The network that the nodes are on. */
  readonly network: string;
  readonly image: string;
}

/** Where kind says on which network its nodes are. */
const networkVariables = { docker: "KIND_EXPERIMENTAL_DOCKER_NETWORK", podman: "KIND_EXPERIMENTAL_PODMAN_NETWORK" };

/** Throws `UsageError` that names the flag. */
export function containersOf(
  program: ContainerProgram,
  flags: ProviderContext["flags"],
  environment: Readonly<Record<string, string | undefined>>,
): ContainerSettings {
  const flag = "proxy-container-network";
  const variable = networkVariables[program];
  const [source, network] =
    flags[flag] === undefined ? [`$${variable}`, environment[variable] || "kind"] : [`--${flag}`, flags[flag]];
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(network))
    throw new UsageError(
      `${source}: ${JSON.stringify(network)} is no name of a network; \`${program} network ls\` shows them`,
    );
  const image = flags["proxy-image"] ?? "berth:latest";
  if (!/^[a-z0-9][\w./:@-]*$/.test(image))
    throw new UsageError(`--proxy-image: ${JSON.stringify(image)} is no name of an image; give one, as berth:latest`);
  return { program, network, image };
}
