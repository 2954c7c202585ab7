// What the texts of Docker and Podman mean. The only place that reads them.
import { ProgramFailedError } from "../../../../src/kernel/index.ts";
import { type Fault, ProviderError } from "../../../../src/provider/index.ts";
import type { ContainerSettings } from "./settings.ts";

/** There is no such container. */
export function isMissing(stderr: string): boolean {
  return /no such (container|object)/i.test(stderr);
}

/** The error for a command that failed: blocked with a remedy where a person has to act, else tried again. */
export function failureOf(settings: ContainerSettings, error: ProgramFailedError): Error {
  const found = known(settings).find(({ says }) => says.test(error.stderr));
  if (found === undefined) return error;
  const fault: Fault = { kind: "blocked", reason: found.reason, remedy: found.remedy };
  return new ProviderError(fault, `${found.what}: ${firstLine(error.stderr)}`, { cause: error });
}

interface Known {
  readonly says: RegExp;
  readonly reason: string;
  readonly what: string;
  readonly remedy: string;
}

function known({ program, network, image }: ContainerSettings): readonly Known[] {
  const connect =
    program === "docker" ? "start Docker, or set DOCKER_HOST" : "run `podman machine start`, or set CONTAINER_HOST";
  return [
    {
      says: /permission denied while trying to connect/i,
      reason: "EngineForbidden",
      what: `${program} may not be used by this user`,
      remedy: `run the controller as root or in the group ${program}`,
    },
    {
      says: /cannot connect to (the docker daemon|podman)|failed to connect to the docker api|unable to connect to podman/i,
      reason: "EngineUnavailable",
      what: `${program} does not answer`,
      remedy: connect,
    },
    {
      says: /no such image|image not known|image .* not found|unable to find image/i,
      reason: "ImageMissing",
      what: `there is no image ${image}`,
      remedy: `run \`${program} pull ${image}\`, build it, or name another with --proxy-image`,
    },
    {
      says: /address already in use|already allocated/i,
      reason: "AddressInUse",
      what: `the address is taken on network ${network}`,
      remedy: "ask for another address, or none",
    },
    {
      says: /no configured subnet|user configured subnets|not in any subnet/i,
      reason: "AddressNotOnNetwork",
      what: `network ${network} cannot give that address`,
      remedy: "ask for an address of a subnet that the network was made with (--subnet), or for none",
    },
    {
      says: /network \S+ not found|no such network|unable to find network|network not found/i,
      reason: "NetworkMissing",
      what: `there is no network ${network}`,
      remedy: "make the kind cluster first, or name its network with --proxy-container-network",
    },
    {
      says: /bind source path does not exist|statfs .*: no such file or directory/i,
      reason: "StateDirNotShared",
      what: `${program} does not see the state directory`,
      remedy: "give a --state-dir that the engine's machine shares with this one",
    },
  ];
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
