import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { cases } from "./cases.ts";
import { chartPath, lint, manifest, type Rendered, render } from "./helm.ts";

describe.each(Object.entries(cases))("the release %s", (name, setting) => {
  it("is the golden file", async () => {
    await expect(manifest(setting)).toMatchFileSnapshot(`testdata/${name}.yaml`);
  });
});

it("is what helm lint --strict likes", () => {
  const said = lint({ agent: { apiServer: { host: "192.0.2.10" } } });
  expect(said).toContain("1 chart(s) linted, 0 chart(s) failed");
});

const definitions = ["ipaddresspools", "loadbalancerclasses", "loadbalancerrecords"];

it.each([true, false])("has the definitions as they are, kept when it goes: %s", (keep) => {
  const rendered = render({ values: { crds: { keep }, agent: { enabled: false } } });
  const annotations = keep ? { "helm.sh/resource-policy": "keep" } : undefined;
  const expected = definitions.map((name) => {
    const { metadata, ...file } = parse(readFileSync(`${chartPath}/files/crds/${name}.yaml`, "utf8")) as Rendered;
    return { ...file, metadata: { ...metadata, labels: expect.any(Object) as object, annotations } };
  });
  expect(rendered.filter(({ kind }) => kind === "CustomResourceDefinition")).toEqual(expected);
});

it("rolls the pods of a process when its configuration changes, and no others", () => {
  const checksums = (values: object): readonly unknown[] =>
    render({ values })
      .filter(({ kind }) => kind === "DaemonSet" || kind === "Deployment")
      .map(({ spec }) => {
        const { template } = spec as { template: { metadata: { annotations: Record<string, string> } } };
        return template.metadata.annotations["checksum/config"];
      });
  const agent = { apiServer: { host: "192.0.2.10" } };
  const [daemonSet, deployment] = checksums({ agent });
  const [otherDaemonSet, sameDeployment] = checksums({ agent: { ...agent, config: { clusterCIDR: "10.0.0.0/8" } } });
  const [sameDaemonSet, otherDeployment] = checksums({ agent, controller: { config: { driftResyncPeriod: "1m" } } });
  expect([sameDaemonSet, sameDeployment]).toEqual([daemonSet, deployment]);
  expect(otherDaemonSet).not.toBe(daemonSet);
  expect(otherDeployment).not.toBe(deployment);
});
