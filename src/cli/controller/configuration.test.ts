import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { errorMessage, systemClock, UsageError } from "../../base/index.ts";
import type { ProviderModule } from "../../provider/index.ts";
import { providerLoaders } from "../providers.ts";
import { readConfiguration } from "./config-file.ts";
import type { Configuration } from "./configuration.ts";
import { decode, encode } from "./document.ts";
import { addFlags, given } from "./options.ts";
import { defaultSettings, fieldOf, flagOf, type Settings, settingAt, settingNames } from "./settings.ts";
import { budgetsOf, classesOf, leaseTimesOf, poolOf } from "./wishes.ts";

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-config-"));
  path = join(folder, "controller.yaml");
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const head = "apiVersion: controller.berth.dev/v1alpha1\nkind: ControllerConfiguration\n";

const proxy = {
  name: "proxy",
  flags: [
    { flag: "--proxy-bridge <name>", description: "" },
    { flag: "--proxy-netns <name>", description: "" },
  ],
} as unknown as ProviderModule;

async function configure(args: readonly string[], fields?: string, environment = {}): Promise<Configuration> {
  const command = new Command().exitOverride().configureOutput({ writeErr() {} });
  addFlags(command, environment);
  if (fields !== undefined) await writeFile(path, fields);
  command.parse([...args, ...(fields === undefined ? [] : ["--config", path])], { from: "user" });
  const told = given(command);
  return await readConfiguration(told, environment);
}

/** The message, with the file's path as FILE. */
async function refusal(fields: string, use: (found: Configuration) => void = () => {}): Promise<string> {
  try {
    use(await configure([], fields));
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return errorMessage(error).replaceAll(path, "FILE");
  }
  return "it was taken";
}

/** One value for each setting, other than its default: as flags, as a file says it, and what both mean. */
const samples: { readonly [N in keyof Settings]: readonly [string[], string, Settings[N]] } = {
  kubeconfig: [["/k"], "/k", "/k"],
  apiServerTimeout: [["3s"], "3s", 3000],
  providers: [["a,b", "c"], "[a, b, c]", ["a", "b", "c"]],
  ownUnclassed: [["true"], "true", true],
  loadBalancerClass: [["x.y/z", "a=q.r/s"], "[x.y/z, a=q.r/s]", ["x.y/z", "a=q.r/s"]],
  addressPool: [["10.0.0.0/24,fd00::/64"], '[10.0.0.0/24, "fd00::/64"]', expect.objectContaining({ length: 2 })],
  reservedPorts: [["22,80-90"], "22,80-90", expect.objectContaining({ length: 2 })],
  agentNamespace: [["agents"], "agents", "agents"],
  nodesWithoutAgent: [["Include"], "Include", "Include"],
  nodePorts: [["Ensure"], "Ensure", "Ensure"],
  nodePortRange: [["1-2"], "1-2", { first: 1, last: 2 }],
  stateDir: [["/s"], "/s", "/s"],
  clusterId: [["id"], "id", "id"],
  namespace: [["berth"], "berth", "berth"],
  instance: [["mine"], "mine", "mine"],
  leaderElect: [["false"], "false", false],
  leaderElectLeaseDuration: [["1m30s"], "1m30s", 90_000],
  leaderElectRenewDeadline: [["1m"], "1m", 60_000],
  leaderElectRetryPeriod: [["5s"], "5s", 5000],
  concurrentServiceSyncs: [["3"], "3", 3],
  driftResyncPeriod: [["1h"], "1h", 3_600_000],
  deleteOrphans: [["true"], "true", true],
  orphanGracePeriod: [["2h"], "2h", 7_200_000],
  providerRate: [
    ["write=10:20", "proxy:read=0.5"],
    '[write=10:20, "proxy:read=0.5"]',
    [
      { provider: undefined, kind: "write", rate: { perSecond: 10, burst: 20 } },
      { provider: "proxy", kind: "read", rate: { perSecond: 0.5, burst: 1 } },
    ],
  ],
  providerMaxPause: [["1m"], "1m", 60_000],
  providerRelapsePeriod: [["1m"], "1m", 60_000],
  metricsBindAddress: [["[::1]:1"], '"[::1]:1"', { host: "::1", port: 1 }],
  healthBindAddress: [[":2"], '":2"', { host: "::", port: 2 }],
  logLevel: [["debug"], "debug", "debug"],
  logFormat: [["text"], "text", "text"],
};

describe.each(settingNames)("%s", (name) => {
  const [values, field, expected] = samples[name];
  const flags = values.map((value) => `${flagOf(name)}=${value}`);

  it("is the same as a flag and as a field", async () => {
    expect(settingAt(name).fallback).not.toEqual(expected);
    expect((await configure(flags)).settings[name]).toEqual(expected);
    expect((await configure([], `${head}${name}: ${field}\n`)).settings[name]).toEqual(expected);
  });

  it("is shown so that it would be read as the same", async () => {
    const { settings } = await configure(flags);
    for (const some of [settings, defaultSettings({})]) expect(decode(encode(some, {}), "FILE").settings).toEqual(some);
  });

  it("of a wrong type is refused, with what it takes", async () => {
    expect(await refusal(`${head}${name}: { a: 1 }\n`)).toBe(
      `--config FILE: ${name}: {"a":1}; give ${settingAt(name).kind.takes}`,
    );
    expect(await refusal(`${head}${name}:\n`)).toBe(`--config FILE: ${name}: null; give ${settingAt(name).kind.takes}`);
  });

  it("is called after its flag", () => {
    expect(fieldOf(flagOf(name))).toBe(name);
  });
});

it("flags win over the file, one by one, and lists as a whole", async () => {
  const file = `${head}providers: [proxy, other]\nconcurrentServiceSyncs: 3\ndriftResyncPeriod: 1h\nleaderElect: false\n`;
  const args = ["--providers", "mine", "--concurrent-service-syncs", "10", "--leader-elect"];
  const { settings } = await configure(args, file);
  // That a flag says what is the default makes no difference.
  expect(settings).toMatchObject({
    providers: ["mine"],
    concurrentServiceSyncs: 10,
    driftResyncPeriod: 3_600_000,
    leaderElect: true,
  });
});

it("the namespace is the pod's own, unless something else is said", async () => {
  const environment = { POD_NAMESPACE: "pods" };
  expect((await configure([], undefined, environment)).settings.namespace).toBe("pods");
  expect((await configure([], `${head}namespace: file\n`, environment)).settings.namespace).toBe("file");
  expect((await configure([])).settings.namespace).toBe("kube-system");
});

it("a provider's flags are fields too, and win over them", async () => {
  const found = await configure(["--proxy-bridge", "br1"], `${head}proxyBridge: br0\nproxyNetns: lab\n`);
  expect(found.providerFlags([proxy])).toEqual({ "proxy-bridge": "br1", "proxy-netns": "lab" });
});

it("no provider has a flag that is a secret itself: it would be shown", async () => {
  const modules = await Promise.all([...providerLoaders.values()].map(async (load) => (await load()).provider));
  const flags = modules.flatMap(({ flags }) => flags.map(({ flag }) => flag));
  expect(flags.filter((flag) => /token|secret|passw|credential|key/i.test(flag) && !/-file\b/.test(flag))).toEqual([]);
});

it("a provider's own rate goes before the one of all, and both before the provider's usual one", async () => {
  const found = await configure(["--provider-rate", "write=10:20,a:write=1:2,read=5"]);
  const slow = { perSecond: 1, burst: 1 };
  const budgets = budgetsOf(found, [{ name: "a" }, { name: "b", rates: { read: slow, poll: slow } }], new FakeClock());
  expect(Object.fromEntries(budgets.get("a")?.state() ?? [])).toEqual({
    write: { perSecond: 1, burst: 2, waitMs: 0 },
    read: { perSecond: 5, burst: 5, waitMs: 0 },
  });
  expect(Object.fromEntries(budgets.get("b")?.state() ?? [])).toMatchObject({
    write: { perSecond: 10, burst: 20 },
    read: { perSecond: 5, burst: 5 },
    poll: slow,
  });
});

it("a file may be JSON", async () => {
  const file = JSON.stringify({ apiVersion: "controller.berth.dev/v1alpha1", kind: "ControllerConfiguration" });
  expect((await configure([], file)).settings).toEqual((await configure([])).settings);
});

describe("a file that is refused", () => {
  const remedy = "give a mapping with apiVersion controller.berth.dev/v1alpha1 and kind ControllerConfiguration";

  it.each<[string, string, string]>([
    ["empty", "", `missing; ${remedy}`],
    ["null", "null", `null; ${remedy}`],
    ["a list", "[1]", `[1]; ${remedy}`],
    [
      "no kind",
      "{}",
      "apiVersion: missing; give controller.berth.dev/v1alpha1; kind: missing; give ControllerConfiguration",
    ],
    [
      "another version",
      "apiVersion: controller.berth.dev/v1\nkind: ControllerConfiguration",
      'apiVersion: "controller.berth.dev/v1"; give controller.berth.dev/v1alpha1',
    ],
    [
      "another kind",
      "apiVersion: controller.berth.dev/v1alpha1\nkind: KubeProxyConfiguration",
      'kind: "KubeProxyConfiguration"; give ControllerConfiguration',
    ],
    [
      "an unknown field",
      `${head}driftResyncperiod: 1s`,
      "driftResyncperiod: no such field; give driftResyncPeriod, or remove it",
    ],
    ["a field like no other", `${head}x: 1`, "x: no such field; remove it"],
    ["a flag's name", `${head}own-unclassed: true`, "own-unclassed: no such field; give ownUnclassed, or remove it"],
    ["a prototype's name", `${head}constructor: 1`, "constructor: no such field; remove it"],
    [
      "several mistakes",
      `${head}provider: [proxy]\nleaderElect: yes\nconcurrentServiceSyncs: "3"`,
      'leaderElect: "yes"; give true or false; concurrentServiceSyncs: "3"; give a number from 1 to 9999; provider: no such field; give providers, or remove it',
    ],
    ["a word", `${head}nodePorts: never`, 'nodePorts: "never"; give one of Require, Ensure, Never'],
    [
      "a number out of range",
      `${head}concurrentServiceSyncs: 0`,
      'concurrentServiceSyncs: "0" is no count; give a number from 1 to 9999',
    ],
    ["half a number", `${head}concurrentServiceSyncs: 1.5`, 'concurrentServiceSyncs: "1.5" is no count; give a number'],
    ["no duration", `${head}driftResyncPeriod: "10"`, 'driftResyncPeriod: "10" is no duration; give one such as'],
    [
      "a period of nothing",
      `${head}leaderElectRetryPeriod: 0s`,
      "leaderElectRetryPeriod: must be greater than 0; give",
    ],
    ["no address", `${head}metricsBindAddress: here`, 'metricsBindAddress: "here" is no address; give IP:PORT'],
    ["no prefix", `${head}addressPool: [10.0.0.1]`, 'addressPool: "10.0.0.1" is no prefix; give ADDRESS/BITS'],
    ["no text in a list", `${head}addressPool: [1]`, "addressPool: [1]; give a list of prefixes, each ADDRESS/BITS"],
    ["an empty text", `${head}clusterId: ""`, 'clusterId: ""; give a text'],
    ["no rate", `${head}providerRate: [write]`, 'providerRate: "write" is no rate; give [PROVIDER:]read|write|poll='],
    ["a rate of nothing", `${head}providerRate: ["write=0"]`, 'providerRate: "write=0" is no rate; give'],
    ["nothing at once", `${head}providerRate: ["write=1:0"]`, 'providerRate: "write=1:0" is no rate; give'],
    ["two documents", `${head}---\n${head}`, "2 documents; give one, and remove the others"],
    ["a field twice", `${head}nodePorts: Never\nnodePorts: Ensure`, "no YAML: Map keys must be unique"],
    ["no YAML", "a: [", "no YAML: "],
    ["an alias of nothing", "a: *b", "no YAML: "],
  ])("%s", async (_, text, message) => {
    const told = await refusal(text);
    expect(told.startsWith("--config FILE: ")).toBe(true);
    expect(told).toContain(message);
    expect(told).not.toContain("\n");
  });

  it("fields of a provider that does not run, or that it does not have", async () => {
    const use = (found: Configuration): void => void found.providerFlags([proxy]);
    expect(await refusal(`${head}proxyNetsn: lab`, use)).toBe(
      "--config FILE: proxyNetsn: no such field; give proxyNetns, or remove it",
    );
    expect(await refusal(`${head}proxyNetns: 1`, use)).toBe("--config FILE: proxyNetns: 1; give a text");
    expect(await refusal(`${head}proxyNetns: lab`, (found) => void found.providerFlags([]))).toBe(
      "--config FILE: proxyNetns: no such field; remove it",
    );
  });
});

describe("values that contradict each other are named where they stand", () => {
  it.each<[string, string[], string, (found: Configuration) => unknown, string]>([
    [
      "lease times",
      ["--leader-elect-renew-deadline=20s"],
      "leaderElectLeaseDuration: 15s",
      leaseTimesOf,
      "--config FILE: leaderElectLeaseDuration: 15s with --leader-elect-renew-deadline 20s; give more than 20s, or lower the other",
    ],
    [
      "retry period",
      [],
      "leaderElectRetryPeriod: 9s",
      leaseTimesOf,
      "--leader-elect-renew-deadline: 10s with --config FILE: leaderElectRetryPeriod 9s; give more than 10.8s, or lower the other",
    ],
    [
      "pools",
      [],
      "addressPool: [10.0.0.0/24, 10.0.0.128/25]",
      poolOf,
      "--config FILE: addressPool: 10.0.0.0/24 and 10.0.0.128/25 overlap; give each address once",
    ],
    [
      "rates",
      ["--provider-rate=write=1,write=2"],
      "",
      (found) => budgetsOf(found, [{ name: "a" }], systemClock),
      "--provider-rate: two rates of write; give each once",
    ],
    [
      "a rate of a provider that does not run",
      [],
      'providerRate: ["b:write=1"]',
      (found) => budgetsOf(found, [{ name: "a" }], systemClock),
      '--config FILE: providerRate: "b" is none of --providers; give one of a, or remove it',
    ],
    [
      "classes",
      [],
      "loadBalancerClass: [a=x.y/z, b=x.y/z]",
      (found) => classesOf(found, ["a", "b"]),
      "--config FILE: loadBalancerClass: two providers of x.y/z; give each its own",
    ],
  ])("%s", async (_, args, fields, use, message) => {
    const found = await configure(args, `${head}${fields}\n`);
    expect(() => use(found)).toThrow(UsageError);
    let told = "";
    try {
      use(found);
    } catch (error) {
      told = errorMessage(error).replaceAll(path, "FILE");
    }
    expect(told).toBe(message);
  });
});

it("whatever stands in the file: taken, or refused in one line that names it", async () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom("1s", "10.0.0.0/8", "Ensure", 5, true, ["a=b.c/d"]));
  const names = fc.oneof(fc.constantFrom(...settingNames), fc.string());
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, value, { maxKeys: 4 }), async (fields) => {
      const document = { ...fields, apiVersion: "controller.berth.dev/v1alpha1", kind: "ControllerConfiguration" };
      const told = await refusal(JSON.stringify(document), (found) => void found.providerFlags([proxy]));
      expect(told === "it was taken" || told.startsWith("--config FILE: ")).toBe(true);
      expect(told).not.toContain("\n");
    }),
    { numRuns: 200 },
  );
});
