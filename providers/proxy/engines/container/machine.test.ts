import { describe, expect, it } from "vitest";
import type { ContainerProgram } from "../choice.ts";
import { checkContainers } from "./machine.ts";
import { containersOf } from "./settings.ts";
import { settingsOf } from "./testing/bed.ts";
import { FakeContainers } from "./testing/fake-containers.ts";

describe.each<ContainerProgram>(["docker", "podman"])("%s on this machine", (program) => {
  it("is found fit, without a change", async () => {
    const fake = new FakeContainers(program);
    await checkContainers(fake.exec, settingsOf(fake));
    expect(fake.changes).toBe(0);
  });

  it.each<[string, (fake: FakeContainers) => void, RegExp]>([
    [
      "it is not installed",
      (fake) => (fake.state = "not installed"),
      /^--proxy-engine: program \w+ not found; install it, or give another engine$/,
    ],
    [
      "it does not run",
      (fake) => (fake.state = "down"),
      /^--proxy-engine: \w+ does not answer: Cannot connect to [^;]*; (start Docker|run `podman machine start`)/,
    ],
    [
      "it is forbidden",
      (fake) => (fake.state = "forbidden"),
      /^--proxy-engine: \w+ may not be used by this user: .*; run the controller as root or in the group \w+$/,
    ],
    [
      "there is no network",
      (fake) => fake.networks.clear(),
      /^--proxy-engine: there is no network kind: .*; make the kind cluster first, or .*--proxy-container-network$/,
    ],
    [
      "there is no image",
      (fake) => fake.images.clear(),
      /^--proxy-engine: there is no image berth:latest: .*; run `\w+ pull berth:latest`, build it, or .*--proxy-image$/,
    ],
  ])("is not when %s, and says what to do", async (_, breaks, message) => {
    const fake = new FakeContainers(program);
    breaks(fake);
    await expect(checkContainers(fake.exec, settingsOf(fake))).rejects.toThrow(message);
  });
});

const variables = { KIND_EXPERIMENTAL_DOCKER_NETWORK: "lab", KIND_EXPERIMENTAL_PODMAN_NETWORK: "pods" };

it.each<[string, ContainerProgram, Record<string, string>, Record<string, string>, string, string]>([
  ["nothing said", "docker", {}, {}, "kind", "berth:latest"],
  ["as kind was told", "docker", {}, variables, "lab", "berth:latest"],
  ["as kind was told of Podman", "podman", {}, variables, "pods", "berth:latest"],
  ["nothing in the variable", "docker", {}, { KIND_EXPERIMENTAL_DOCKER_NETWORK: "" }, "kind", "berth:latest"],
  [
    "by flags",
    "docker",
    { "proxy-container-network": "mine", "proxy-image": "localhost:5000/berth@sha256:0123" },
    variables,
    "mine",
    "localhost:5000/berth@sha256:0123",
  ],
])("takes network and image: %s", (_, program, flags, environment, network, image) => {
  expect(containersOf(program, flags, environment)).toEqual({ program, network, image });
});

it.each<[Record<string, string>, Record<string, string>, RegExp]>([
  [
    { "proxy-container-network": "-x" },
    {},
    /^--proxy-container-network: "-x" is no name of a network; `docker network/,
  ],
  [{}, { KIND_EXPERIMENTAL_DOCKER_NETWORK: "a b" }, /^\$KIND_EXPERIMENTAL_DOCKER_NETWORK: "a b" is no name/],
  [{ "proxy-image": "--privileged" }, {}, /^--proxy-image: "--privileged" is no name of an image/],
])("refuses names that are none: %j %j", (flags, environment, message) => {
  expect(() => containersOf("docker", flags, environment)).toThrow(message);
});
