import { expect, it } from "vitest";
import { formatCidr } from "../../src/net/index.ts";
import { endpointOf, settingsOf } from "./flags.ts";

type Told = Parameters<typeof settingsOf>[0];

function told(flags: Readonly<Record<string, string>>, environment: Told["environment"] = {}): Told {
  return {
    flags: Object.fromEntries(Object.entries(flags).map(([word, text]) => [`gcp-l4-${word}`, text])),
    environment,
  };
}

const least = { project: "shop", region: "europe-west1" };

it("takes what is not given from what is", () => {
  const { probeRanges, internalRanges, ...settings } = settingsOf(told(least));
  expect(settings).toEqual({
    ...least,
    networkProject: "shop",
    network: "default",
    subnetwork: "default",
    backends: "endpoint-groups",
    nodeTags: [],
    disableFirewalls: false,
  });
  expect(probeRanges.map(formatCidr)).toContain("35.191.0.0/16");
  expect(internalRanges.map(formatCidr)).toContain("10.0.0.0/8");
});

it("takes what is given", () => {
  const given = {
    "network-project": "host-project",
    network: "shared",
    subnetwork: "nodes",
    "node-tags": "a, b",
    "disable-firewalls": "true",
    "probe-ranges": "192.0.2.0/24",
    "internal-ranges": "",
  };
  expect(settingsOf(told({ region: "r", ...given }, { GOOGLE_CLOUD_PROJECT: "example.com:shop" }))).toMatchObject({
    project: "example.com:shop",
    networkProject: "host-project",
    network: "shared",
    subnetwork: "nodes",
    nodeTags: ["a", "b"],
    disableFirewalls: true,
    probeRanges: [{ prefix: 24 }],
    internalRanges: [],
  });
});

it.each<[Readonly<Record<string, string>>, string]>([
  [{ region: "r" }, "--gcp-l4-project: missing; give one"],
  [{ project: "shop" }, "--gcp-l4-region: missing; give one"],
  [
    { ...least, region: "Europe" },
    '--gcp-l4-region: "Europe" is no name in Google Cloud; give lower-case letters, digits and dashes',
  ],
  [
    { ...least, network: "a/b" },
    '--gcp-l4-network: "a/b" is no name in Google Cloud; give lower-case letters, digits and dashes',
  ],
  [
    { ...least, "node-tags": "a,B" },
    '--gcp-l4-node-tags: "B" is no name in Google Cloud; give lower-case letters, digits and dashes',
  ],
  [
    { ...least, "disable-firewalls": "yes" },
    '--gcp-l4-disable-firewalls: "yes" is neither true nor false; give one of them',
  ],
  [{ ...least, "probe-ranges": "all" }, '--gcp-l4-probe-ranges: "all" is no prefix; give ADDRESS/BITS, as 10.0.0.0/8'],
])("refuses %j", (flags, message) => {
  expect(() => settingsOf(told(flags))).toThrow(message);
});

it.each<[Readonly<Record<string, string>>, Told["environment"], string | undefined]>([
  [{}, {}, undefined],
  [{ endpoint: "http://127.0.0.1:8080" }, {}, "http://127.0.0.1:8080"],
  [{}, { BERTH_GCP_ENDPOINT: "http://127.0.0.1:8080/" }, "http://127.0.0.1:8080"],
  [{ endpoint: "https://compute.p.example", "allow-custom-endpoint": "true" }, {}, "https://compute.p.example"],
])("finds the API: %j %j", (flags, environment, origin) => {
  expect(endpointOf(told(flags, environment))?.origin).toBe(origin);
});

it.each<[Readonly<Record<string, string>>, string]>([
  [
    { endpoint: "https://elsewhere.example" },
    "--gcp-l4-endpoint: https://elsewhere.example would get the credentials; set --gcp-l4-allow-custom-endpoint true if it may",
  ],
  [{ endpoint: "elsewhere" }, '--gcp-l4-endpoint: "elsewhere" is no URL of a host; give http(s)://HOST:PORT'],
  [{ endpoint: "http://a/b" }, '--gcp-l4-endpoint: "http://a/b" is no URL of a host; give http(s)://HOST:PORT'],
  [{ endpoint: "ftp://a" }, '--gcp-l4-endpoint: "ftp://a" is no URL of a host; give http(s)://HOST:PORT'],
])("gives no credentials away and takes no nonsense: %j", (flags, message) => {
  expect(() => endpointOf(told(flags))).toThrow(message);
});
