// The chart on a real kube-apiserver: everything that the matrix renders is accepted there, and the real helm installs,
// upgrades, rolls back and uninstalls. No controller manager runs, so that no pods come of it.
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chartPath, helmPath, render } from "../../hack/chart/helm.ts";
import { kubeApiserver } from "../contract/kube-apiserver.ts";
import { type ControlPlane, serviceCidr } from "../contract/target.ts";
import { matrix } from "./matrix.ts";

const kubectlPath = new URL("../../.tools/kubectl", import.meta.url).pathname;
let controlPlane: ControlPlane;
let folder: string;

beforeAll(async () => {
  controlPlane = await kubeApiserver.start();
  folder = await mkdtemp(join(tmpdir(), "berth-chart-"));
});
afterAll(async () => {
  await controlPlane?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

function run(program: string, args: readonly string[], input = ""): { readonly ok: boolean; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(program, [...args, `--kubeconfig=${controlPlane.kubeconfig}`], {
    input,
    encoding: "utf8",
    env: { HOME: folder },
    maxBuffer: 2 ** 26,
  });
  return { ok: status === 0, said: stdout + stderr };
}

/** What kubectl prints; throws what it says when it fails. */
function kubectl(args: readonly string[], input?: string): string {
  const { ok, said } = run(kubectlPath, args, input);
  if (!ok) throw new Error(said);
  return said;
}

function helm(args: readonly string[], values: object = {}): { readonly ok: boolean; readonly said: string } {
  return run(helmPath, [...args, "--namespace=kube-system"], JSON.stringify(values));
}

function named(kinds: string, ...more: readonly string[]): readonly string[] {
  const lines = kubectl(["get", kinds, "--all-namespaces", "--output=name", ...more]).trim();
  return lines === "" ? [] : lines.split("\n");
}

const ours = "--selector=app.kubernetes.io/name=berth";
const definitions = ["ipaddresspools", "loadbalancerclasses", "loadbalancerrecords"].map(
  (name) => `customresourcedefinition.apiextensions.k8s.io/${name}.berth.dev`,
);
const values = { agent: { apiServer: { host: "192.0.2.10" } }, controller: { defaultProvider: "node" } };
const everything =
  "daemonsets,deployments,configmaps,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,poddisruptionbudgets";

describe("helm on a real API server", () => {
  it("refuses the ClusterIP as the agents' way to the API server", () => {
    const host = kubectl([
      "get",
      "service",
      "kubernetes",
      "--namespace=default",
      "--output=jsonpath={.spec.clusterIP}",
    ]);
    expect(serviceCidr.startsWith(host.split(".").slice(0, 2).join("."))).toBe(true);
    const { ok, said } = helm(["install", "berth", chartPath, "--values=-"], { agent: { apiServer: { host } } });
    expect(ok).toBe(false);
    expect(said).toContain(`agent.apiServer.host: "${host}" is the API server's ClusterIP`);
  });

  it("installs an older version into a cluster that knows none of our kinds, and says what is next", async () => {
    const older = join(folder, "older");
    await cp(chartPath, older, { recursive: true });
    const file = join(older, "files/crds/loadbalancerrecords.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("shortNames: [lbr]", "shortNames: [older]"));
    const { ok, said } = helm(["install", "berth", older, "--values=-"], values);
    expect(said).toContain("rollout status daemonset/berth-agent");
    expect(said).toContain("LoadBalancerClass objects. The next");
    expect(ok).toBe(true);
    expect(named("customresourcedefinitions", ours)).toEqual(definitions);
    expect(shortName()).toBe("older");
  });

  it("upgrades the definitions, and makes the classes now that their kind is known", () => {
    const { ok, said } = helm(["upgrade", "berth", chartPath, "--values=-"], values);
    expect(said).not.toContain("LoadBalancerClass objects. The next");
    expect(ok).toBe(true);
    expect(shortName()).toBe("lbr");
    expect(
      kubectl([
        "get",
        "lbc",
        "--output=jsonpath={range .items[*]}{.metadata.name} {.spec.loadBalancerClass} {.spec.isDefault}{end}",
      ]),
    ).toBe("node berth.dev/node true");
  });

  it("changes nothing when it upgrades to the same", () => {
    const versions = (): string =>
      kubectl(["get", everything, "--all-namespaces", ours, "--output=jsonpath={.items[*].metadata.resourceVersion}"]);
    const before = versions();
    expect(before.split(" ").length).toBeGreaterThan(10);
    expect(helm(["upgrade", "berth", chartPath, "--reuse-values"]).ok).toBe(true);
    expect(versions()).toBe(before);
  });

  it("refuses a second release beside the first, and names that", () => {
    const { ok, said } = helm(["install", "other", chartPath, "--values=-"], values);
    expect(ok).toBe(false);
    expect(said).toMatch(/cannot be imported into the current release: invalid ownership metadata.*"other".*"berth"/s);
  });

  it("refuses a second owner of Services without a class", () => {
    const spec = { loadBalancerClass: "example.com/other", proxy: {}, isDefault: true };
    const other = { apiVersion: "berth.dev/v1alpha1", kind: "LoadBalancerClass", metadata: { name: "other" }, spec };
    kubectl(["create", "--filename=-"], JSON.stringify(other));
    const { ok, said } = helm(["upgrade", "berth", chartPath, "--reuse-values"]);
    kubectl(["delete", "lbc", "other"]);
    expect(ok).toBe(false);
    expect(said).toContain('controller.defaultProvider: the LoadBalancerClass "other" takes Services without a class');
  });

  it("rolls back to where it was, definitions too", () => {
    expect(helm(["rollback", "berth", "1"])).toMatchObject({ ok: true });
    expect(shortName()).toBe("older");
    expect(helm(["upgrade", "berth", chartPath, "--values=-"], values)).toMatchObject({ ok: true });
  });

  it("goes back after an uninstall that stopped in the middle", () => {
    // No controller manager runs that would run its Jobs; what they would have done by then is done here.
    const { ok, said } = helm(["uninstall", "berth", "--timeout=2s"]);
    expect(ok, said).toBe(false);
    expect(named("jobs", ours)).toEqual(["job.batch/berth-uninstall-controller"]);
    kubectl(["delete", "deployment", "berth-controller", "--namespace=kube-system"]);
    const patch = { spec: { template: { spec: { containers: [{ name: "agent", args: ["--cleanup-and-stay"] }] } } } };
    kubectl(["patch", "daemonset", "berth-agent", "--namespace=kube-system", `--patch=${JSON.stringify(patch)}`]);
    const back = helm(["rollback", "berth", "--force-conflicts"]);
    expect(back.ok, back.said).toBe(true);
    // Kept for its log; the next uninstall would replace it.
    kubectl(["delete", "jobs", "--namespace=kube-system", ours]);
    expect(named("deployments,daemonsets", ours)).toHaveLength(2);
    expect(kubectl(["get", "daemonset", "berth-agent", "--namespace=kube-system", "--output=yaml"])).not.toContain(
      "cleanup-and-stay",
    );
  });

  it("leaves nothing behind but the definitions, and not these if they are not to be kept", () => {
    // No controller manager runs that would run the Jobs of its hooks.
    expect(helm(["uninstall", "berth", "--no-hooks"])).toMatchObject({ ok: true });
    expect(named(everything, ours)).toEqual([]);
    expect(named("customresourcedefinitions", ours)).toEqual(definitions);
    expect(named("lbc")).toEqual([]);
    endNamespace("berth-node-lease");
    const { ok, said } = helm(["install", "berth", chartPath, "--values=-"], {
      crds: { keep: false },
      agent: { enabled: false },
    });
    expect(ok, said).toBe(true);
    expect(helm(["uninstall", "berth", "--no-hooks"])).toMatchObject({ ok: true });
    // The server makes sure that no object of these kinds is left first, and gives each of its tries a minute.
    kubectl(["wait", "--for=delete", "--timeout=240s", ...definitions]);
    endNamespace("berth-node-lease");
  });
});

/** As the controller manager does with one that is deleted, once nothing is in it. */
function endNamespace(name: string): void {
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: { finalizers: [] } };
  kubectl(["replace", `--raw=/api/v1/namespaces/${name}/finalize`, "--filename=-"], JSON.stringify(body));
}

function shortName(): string {
  return kubectl(["get", "crd", "loadbalancerrecords.berth.dev", "--output=jsonpath={.spec.names.shortNames[0]}"]);
}

/** Only who runs the operator of Prometheus has these types. */
const foreign = ["PodMonitor", "ServiceMonitor"];

describe("a real API server accepts, in a dry run,", () => {
  beforeAll(() => {
    const namespaces = ["berth", "berth-chart-leases"].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    }));
    kubectl(["create", "--filename=-"], namespaces.map((each) => JSON.stringify(each)).join("\n---\n"));
    kubectl(["create", `--filename=${chartPath}/files/crds`]);
    kubectl(["wait", "--for=condition=Established", "crd", "--all"]);
  });

  it.each(matrix)("the chart with $name", ({ setting }) => {
    const objects = render(setting)
      .filter(({ kind }) => !foreign.includes(kind))
      // A dry run makes no namespace that the next object could lie in.
      .map(({ metadata, ...object }) => ({
        ...object,
        metadata:
          metadata.namespace === "berth-node-lease" ? { ...metadata, namespace: "berth-chart-leases" } : metadata,
      }));
    const said = kubectl(
      ["apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "--filename=-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    );
    expect(said.match(/serverside-applied \(server dry run\)/g)).toHaveLength(objects.length);
  });
});
