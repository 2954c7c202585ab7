import type { ContainerProgram } from "../../choice.ts";

/** What an engine answers when it does not do what it was asked: its words, and the exit code that goes with them. */
export interface Refusal {
  readonly code: number;
  readonly stderr: string;
}

/** The words of one engine. */
export interface Texts {
  readonly down: Refusal;
  readonly forbidden: Refusal;
  readonly noContainer: (name: string) => Refusal;
  readonly noNetwork: (name: string) => Refusal;
  readonly noImage: (name: string) => Refusal;
  /** The words of `create`, which has an exit code of its own. */
  readonly notCreated: (why: string) => Refusal;
  readonly notStarted: (name: string, why: string) => Refusal;
  readonly nameTaken: (name: string, id: string) => string;
  readonly unknownNetwork: (name: string) => string;
  readonly unknownImage: (name: string) => string;
  readonly addressTaken: (address: string) => string;
  readonly addressOutside: (address: string) => string;
  /** Docker alone: an address is given on subnets only that somebody wrote down. */
  readonly subnetNotConfigured: string | undefined;
  readonly noMountSource: (path: string) => string;
  readonly isRunning: (name: string, id: string) => Refusal;
  readonly syntax: (usage: string, why: string) => Refusal;
}

function line(code: number, text: string): Refusal {
  return { code, stderr: `${text}\n` };
}

/** Docker 28.2.2; what its client says by itself was recorded from it. */
const docker: Texts = {
  down: line(1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"),
  forbidden: line(
    1,
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json": dial unix /var/run/docker.sock: connect: permission denied',
  ),
  noContainer: (name) => line(1, `Error response from daemon: No such container: ${name}`),
  noNetwork: (name) => line(1, `Error response from daemon: network ${name} not found`),
  noImage: (name) => line(1, `Error response from daemon: No such image: ${name}`),
  notCreated: (why) => line(1, `Error response from daemon: ${why}`),
  notStarted: (name, why) =>
    line(
      1,
      `Error response from daemon: failed to set up container networking: ${why}\nError: failed to start containers: ${name}`,
    ),
  nameTaken: (name, id) =>
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  unknownNetwork: (name) => `network ${name} not found`,
  unknownImage: (name) => `No such image: ${name}`,
  addressTaken: () => "Address already in use",
  addressOutside: (address) =>
    `invalid config for network kind: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address ${address}`,
  subnetNotConfigured:
    "invalid config for network kind: invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets",
  noMountSource: (path) => `invalid mount config for type "bind": bind source path does not exist: ${path}`,
  isRunning: (name, id) =>
    line(
      1,
      `Error response from daemon: cannot remove container "${name}": container is running: stop the container before removing or force remove (${id})`,
    ),
  syntax: (usage, why) =>
    why === "arguments"
      ? line(
          1,
          `docker: 'docker ${usage.replace(/ \[.*/, "")}' requires at least 1 argument\n\nUsage:  docker ${usage}\n\nSee 'docker ${usage.replace(/ \[.*/, "")} --help' for more information`,
        )
      : line(
          125,
          `${why}\n\nUsage:  docker ${usage}\n\nRun 'docker ${usage.replace(/ \[.*/, "")} --help' for more information`,
        ),
};

/** Podman 5, from its sources. */
const podman: Texts = {
  down: line(
    125,
    "Cannot connect to Podman. Please verify your connection to the Linux system using `podman system connection list`, or try `podman machine init` and `podman machine start` to manage a new Linux VM\nError: unable to connect to Podman socket: failed to connect: dial tcp 127.0.0.1:51124: connect: connection refused",
  ),
  forbidden: line(
    125,
    "Error: unable to connect to Podman socket: permission denied while trying to connect: dial unix /run/podman/podman.sock: connect: permission denied",
  ),
  noContainer: (name) => line(125, `Error: no such container ${name}`),
  noNetwork: (name) =>
    line(125, `Error: network ${name}: unable to find network with name or ID ${name}: network not found`),
  noImage: (name) => line(125, `Error: ${name}: image not known`),
  notCreated: (why) => line(125, `Error: ${why}`),
  notStarted: (name, why) => line(125, `Error: unable to start container "${name}": ${why}`),
  nameTaken: (name, id) =>
    `creating container storage: the container name "${name}" is already in use by ${id}. You have to remove that container to be able to reuse that name: that name is already in use, or use --replace to instruct Podman to do so.`,
  unknownNetwork: (name) => `unable to find network with name or ID ${name}: network not found`,
  unknownImage: (name) => `${name}: image not known`,
  addressTaken: (address) => `netavark: IPAM error: requested ip address ${address} is already allocated`,
  addressOutside: (address) => `requested static ip ${address} not in any subnet on network kind`,
  subnetNotConfigured: undefined,
  noMountSource: (path) => `statfs ${path}: no such file or directory`,
  isRunning: (name, id) =>
    line(
      2,
      `Error: cannot remove container ${id} as it is running - running or paused containers cannot be removed without force: container state improper (${name})`,
    ),
  syntax: (usage, why) =>
    why === "arguments"
      ? line(125, `Error: '${usage}' requires at least 1 arg(s), received 0`)
      : line(125, `Error: ${why}\nSee 'podman ${usage.replace(/ \[.*/, "")} --help'`),
};

export const textsOf: Readonly<Record<ContainerProgram, Texts>> = { docker, podman };
