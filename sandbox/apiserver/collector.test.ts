import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Reply, startServer, TestClient } from "./fixture.ts";
import type { ApiServer } from "./index.ts";
import { valueAt } from "./object.ts";

let server: ApiServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer();
  client = new TestClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A namespace with an owner and what it owns, each in a ConfigMap. */
async function family(namespace: string, blocks = false): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  await client.post("/api/v1/namespaces", { metadata: { name: namespace } });
  const { body } = await client.post(path, { metadata: { name: "owner" } });
  const { uid } = body["metadata"] as { uid: string };
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid, blockOwnerDeletion: blocks };
  for (const name of ["a", "b"]) await client.post(path, { metadata: { name, ownerReferences: [owner] } });
  return path;
}

describe("garbage collection", () => {
  it("removes dependents in the background", async () => {
    const path = await family("background");
    await client.delete(`${path}/owner`);
    await client.untilGone(`${path}/a`);
    await client.untilGone(`${path}/b`);
  });

  it("removes dependents first when asked to", async () => {
    const path = await family("foreground", true);
    await client.patch(`${path}/a`, { metadata: { finalizers: ["x.dev/held"] } });
    const { body } = await client.delete(`${path}/owner`, { propagationPolicy: "Foreground" });
    expect(body).toMatchObject({ metadata: { finalizers: ["foregroundDeletion"] } });
    await client.untilGone(`${path}/b`);
    expect(await client.get(`${path}/owner`)).toMatchObject({ status: 200 });
    await client.patch(`${path}/a`, { metadata: { finalizers: null } });
    await client.untilGone(`${path}/owner`);
    expect(await client.get(`${path}/a`)).toMatchObject({ status: 404 });
  });

  it("leaves dependents without their owner when asked to", async () => {
    const path = await family("orphan");
    await client.delete(`${path}/owner`, { propagationPolicy: "Orphan" });
    await client.untilGone(`${path}/owner`);
    const { status, body } = await client.get(`${path}/a`);
    expect(status).toBe(200);
    expect(body["metadata"]).not.toHaveProperty("ownerReferences");
  });

  it("goes by owners of any kind, be they custom or own custom objects", async () => {
    const names = { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" };
    const schema = { openAPIV3Schema: { type: "object", properties: { metadata: { type: "object" } } } };
    await client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
      metadata: { name: "widgets.example.com" },
      spec: {
        group: "example.com",
        names,
        scope: "Namespaced",
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    });
    const paths = {
      services: "/api/v1/namespaces/default/services",
      widgets: "/apis/example.com/v1/namespaces/default/widgets",
      configmaps: "/api/v1/namespaces/default/configmaps",
    };
    while ((await client.get(paths.widgets)).status !== 200);
    const made = await client.post(paths.services, { metadata: { name: "owned" }, spec: { ports: [{ port: 80 }] } });
    const ownedBy = (apiVersion: string, kind: string, { body }: Reply): object => ({
      metadata: {
        name: "owned",
        ownerReferences: [{ apiVersion, kind, name: "owned", uid: valueAt(body, "metadata.uid") }],
      },
    });
    const custom = await client.post(paths.widgets, {
      apiVersion: "example.com/v1",
      kind: "Widget",
      ...ownedBy("v1", "Service", made),
    });
    await client.post(paths.configmaps, ownedBy("example.com/v1", "Widget", custom));
    expect(await client.get(`${paths.configmaps}/owned`)).toMatchObject({ status: 200 });
    await client.delete(`${paths.services}/owned`);
    await client.untilGone(`${paths.widgets}/owned`);
    await client.untilGone(`${paths.configmaps}/owned`);
  });

  it("removes what is created for an owner that is not there", async () => {
    const path = "/api/v1/namespaces/default/configmaps";
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "ghost", uid: "no such uid" };
    await client.post(path, { metadata: { name: "child", ownerReferences: [owner] } });
    await client.untilGone(`${path}/child`);
  });

  it.each([
    ["of another uid", "default", "another"],
    ["in another namespace", "kube-system", undefined],
  ])("takes an owner %s for none", async (_, namespace, uid) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const owners = "/api/v1/namespaces/default/configmaps";
    const { body } = await client.post(owners, { metadata: { name: "apart" } });
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "apart", uid: uid ?? valueAt(body, "metadata.uid") };
    await client.post(path, { metadata: { name: "stray", ownerReferences: [owner] } });
    await client.untilGone(`${path}/stray`);
    expect(await client.delete(`${owners}/apart`)).toMatchObject({ status: 200 });
  });
});

describe("namespace", () => {
  it("goes after its contents, and takes nothing new meanwhile", async () => {
    const path = "/api/v1/namespaces/going/configmaps";
    await client.post("/api/v1/namespaces", { metadata: { name: "going" } });
    await client.post(path, { metadata: { name: "held", finalizers: ["x.dev/held"] } });
    await client.post(path, { metadata: { name: "free" } });
    const { body } = await client.delete("/api/v1/namespaces/going");
    expect(body).toMatchObject({ status: { phase: "Terminating" } });
    const metadata = body["metadata"] as { resourceVersion: string };
    await client.untilGone(`${path}/free`);
    const again = await client.delete("/api/v1/namespaces/going");
    expect(again.body["metadata"]).toMatchObject({ resourceVersion: metadata.resourceVersion });
    expect(await client.post(path, { metadata: { name: "new" } })).toMatchObject({
      status: 403,
      body: { details: { causes: [{ reason: "NamespaceTerminating" }] } },
    });
    await client.patch(`${path}/held`, { metadata: { finalizers: null } });
    await client.untilGone("/api/v1/namespaces/going");
  });
});

describe("pod", () => {
  const pods = "/api/v1/namespaces/default/pods";
  const pod = (name: string, nodeName?: string): object => ({
    metadata: { name },
    spec: { containers: [{ name: "c", image: "i" }], ...(nodeName === undefined ? {} : { nodeName }) },
  });

  it("waits for its node to let it go", async () => {
    await client.post(pods, pod("placed", "n1"));
    const { body } = await client.delete(`${pods}/placed`);
    expect(body).toMatchObject({ metadata: { deletionGracePeriodSeconds: 30 } });
    expect(await client.delete(`${pods}/placed`, { gracePeriodSeconds: 60 })).toMatchObject({
      body: { metadata: { deletionGracePeriodSeconds: 30 } },
    });
    await client.delete(`${pods}/placed`, { gracePeriodSeconds: 0 });
    expect(await client.get(`${pods}/placed`)).toMatchObject({ status: 404 });
  });

  it("goes at once when no node has it", async () => {
    await client.post(pods, pod("unplaced"));
    await client.delete(`${pods}/unplaced`);
    expect(await client.get(`${pods}/unplaced`)).toMatchObject({ status: 404 });
  });

  it("is bound once", async () => {
    await client.post(pods, pod("bound"));
    const binding = { target: { kind: "Node", name: "n1" } };
    expect(await client.post(`${pods}/bound/binding`, binding)).toMatchObject({ status: 201 });
    expect(await client.post(`${pods}/bound/binding`, binding)).toMatchObject({ status: 409 });
    expect(await client.get(`${pods}/bound`)).toMatchObject({ body: { spec: { nodeName: "n1" } } });
  });
});
