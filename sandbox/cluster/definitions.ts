import { readdir, readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Resource } from "../../src/api/index.ts";
import type { KubeClient, KubeObject } from "../../src/kube/index.ts";

const folder = new URL("../../charts/berth/files/crds/", import.meta.url);

const customResourceDefinitions: Resource<KubeObject> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

/** Defines our own kinds, as `kubectl create -f charts/berth/files/crds` does. */
export async function loadDefinitions(client: KubeClient, signal: AbortSignal): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  await Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, folder), "utf8");
      await client.create(customResourceDefinitions, parse(text) as KubeObject, signal);
    }),
  );
}
