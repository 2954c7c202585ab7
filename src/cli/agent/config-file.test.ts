import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfigFile, writeConfigFile } from "./config-file.ts";
import { resolve } from "./configuration.ts";
import { defaultValues } from "./fields.ts";
import { configuration, parseFlags } from "./testing/command-line.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-config-"));
});

afterAll(() => rm(directory, { recursive: true }));

function fixture(name: string): string {
  return join(import.meta.dirname, "testdata", name);
}

async function fileWith(text: string): Promise<string> {
  const path = join(directory, "config.conf");
  await writeFile(path, text);
  return path;
}

const header = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

describe("a ConfigMap that is there already", () => {
  it("is kubeadm's: all empty, null and zero is default", async () => {
    const file = await readConfigFile(fixture("kubeadm.yaml"));
    expect(file.values).toEqual({
      ...defaultValues(),
      "clientConnection.kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf",
      clusterCIDR: ["10.244.0.0/16", "fd00:10:244::/56"],
    });
    const { values, warnings } = resolve(parseFlags("--hostname-override=Node-1"), file);
    expect(warnings).toEqual([]);
    expect(values).toMatchObject({ mode: "iptables", detectLocalMode: "ClusterCIDR", hostnameOverride: "node-1" });
  });

  it("is kind's", async () => {
    const file = await readConfigFile(fixture("kind.yaml"));
    expect(file.values).toEqual({
      ...defaultValues(),
      "clientConnection.kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf",
      clusterCIDR: ["10.244.0.0/16"],
      "conntrack.maxPerCore": 0,
      "iptables.minSyncPeriod": 1000,
      mode: "iptables",
    });
    expect(resolve(parseFlags(), file).warnings).toEqual([]);
  });
});

it("is the same after it was written", async () => {
  const path = join(directory, "written.yaml");
  const args = ["--iptables-min-sync-period=250ms", "--cluster-cidr=10.0.0.0/8,fd00::/8", "--vmodule=a=3"];
  const { values } = configuration(...args, "--nodeport-addresses=10.0.0.0/8", "--feature-gates=A=true", "-v=3");
  await writeConfigFile(path, values);
  expect((await readConfigFile(path)).values).toEqual(values);
  await writeConfigFile(path, configuration().values);
  expect(resolve(parseFlags(), await readConfigFile(path)).values).toEqual(configuration().values);
});

it("cannot be written where there is no folder", async () => {
  const path = join(directory, "none", "file");
  await expect(writeConfigFile(path, defaultValues())).rejects.toThrow(
    /^--write-config-to .*none\/file: ENOENT.*; give a path that can be written$/,
  );
});

it.each<[string, string, string]>([
  ["no text", "", "kind: missing; give a KubeProxyConfiguration, as in the ConfigMap kube-proxy under config.conf"],
  ["no mapping", "- a\n", "kind: missing; give a KubeProxyConfiguration, as in"],
  ["no kind", "mode: iptables\n", "kind: missing; give a KubeProxyConfiguration, as in"],
  ["another kind", "kind: Service\napiVersion: v1\n", 'kind: "Service"; give KubeProxyConfiguration'],
  ["no version", "kind: KubeProxyConfiguration\n", "apiVersion: null; give kubeproxy.config.k8s.io/v1alpha1"],
  [
    "another version",
    "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1beta1\n",
    'apiVersion: "kubeproxy.config.k8s.io/v1beta1"; give kubeproxy.config.k8s.io/v1alpha1',
  ],
  ["no YAML", "a: b: c\n", "no YAML: Nested mappings are not allowed in compact mappings at line 1, column 4"],
  [
    "an alias of nothing",
    `${header}mode: *x\n`,
    "no YAML: Unresolved alias (the anchor must be set before the alias): x; m",
  ],
  [
    "aliases without end",
    `${header}a: &a [x]\n${["ab", "bc", "cd"].map(([of, name]) => `${name}: &${name} [${Array(9).fill(`*${of}`).join()}]\n`).join("")}`,
    "no YAML: Excessive alias count indicates a resource exhaustion attack; mend the file",
  ],
  ["a list for a section", `${header}conntrack: []\n`, "conntrack: []; give a mapping"],
  ["a number for a text", `${header}mode: 5\n`, "mode: 5; give a text"],
])("refuses %s", async (_, text, message) => {
  const path = await fileWith(text);
  await expect(readConfigFile(path)).rejects.toThrow(`--config ${path}: ${message}`);
});

it("refuses a file that is not there", async () => {
  await expect(readConfigFile(join(directory, "none"))).rejects.toThrow(
    /^--config .*none: ENOENT.*; give the path of a/,
  );
});

it.each<[string, string, string[]]>([
  ["a field that is not there", "foo: 1\n", ["foo: no such field; check its spelling or remove it"]],
  [
    "a field of a section that is not",
    "iptables: {x: 1}\n",
    ["iptables.x: no such field; check its spelling or remove it"],
  ],
  ["a field in capitals", "Mode: ipvs\n", ["Mode: no such field; check its spelling or remove it"]],
  ["a field twice", "mode: ipvs\nmode: iptables\n", ["mode is given twice: the last one counts; remove the other"]],
  ["two documents", "---\nmode: ipvs\n", ["2 documents: only the first counts; remove the others"]],
])("takes and names %s", async (_, text, expected) => {
  const path = await fileWith(header + text);
  const { warnings, values } = await readConfigFile(path);
  expect(warnings.map(({ what, why }) => `${what}: ${why}`)).toEqual(expected.map((line) => `${path}: ${line}`));
  expect(["", "iptables"]).toContain(values.mode);
});

it("reads YAML as Go does", async () => {
  const path = await fileWith(
    `${header}bindAddressHardFail: yes\nenableProfiling: off\nhostnameOverride: 1:30\noomScoreAdj: 0x10\nportRange: 2024-01-01\n`,
  );
  expect((await readConfigFile(path)).values).toMatchObject({
    bindAddressHardFail: true,
    enableProfiling: false,
    hostnameOverride: "1:30",
    oomScoreAdj: 16,
    portRange: "2024-01-01",
  });
});
