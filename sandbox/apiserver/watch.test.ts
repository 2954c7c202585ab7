import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startServer, TestClient } from "./fixture.ts";
import type { ApiServer } from "./index.ts";

const cms = "/api/v1/namespaces/t/configmaps";

let server: ApiServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer({ historyLimit: 20 });
  client = new TestClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await client.delete("/api/v1/namespaces/t");
  await client.untilGone("/api/v1/namespaces/t");
  await client.post("/api/v1/namespaces", { metadata: { name: "t" } });
});

async function create(name: string, labels: Record<string, string> = {}): Promise<string> {
  const { status, body } = await client.post(cms, { metadata: { name, labels } });
  expect(body).toMatchObject({ kind: "ConfigMap" });
  expect(status).toBe(201);
  return (body["metadata"] as { resourceVersion: string }).resourceVersion;
}

describe("watch", () => {
  it("tells what happened after a version, once and in order", async () => {
    await create("before");
    const version = await create("a");
    await client.patch(`${cms}/a`, { data: { x: "1" } });
    using watch = await client.watch(`${cms}?watch=1&resourceVersion=${version}`);
    await create("b");
    await client.delete(`${cms}/a`);
    expect(await watch.take(3)).toEqual(["MODIFIED a", "ADDED b", "DELETED a"]);
  });

  it("begins with everything that exists when no version is given", async () => {
    await create("a");
    await create("b");
    using watch = await client.watch(`${cms}?watch=1`);
    expect(await watch.take(2)).toEqual(["ADDED a", "ADDED b"]);
  });

  it("streams a list and marks its end", async () => {
    const version = await create("a");
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    using watch = await client.watch(`${cms}?watch=1&${query}`);
    expect(await watch.take(1)).toEqual(["ADDED a"]);
    expect(await watch.next()).toMatchObject({
      type: "BOOKMARK",
      object: { metadata: { resourceVersion: version, annotations: { "k8s.io/initial-events-end": "true" } } },
    });
    await create("b");
    expect(await watch.take(1)).toEqual(["ADDED b"]);
  });

  it("adds and deletes what enters and leaves the selection", async () => {
    const version = await create("a", { app: "x" });
    using watch = await client.watch(`${cms}?watch=1&resourceVersion=${version}&labelSelector=app%3Dx`);
    await client.patch(`${cms}/a`, { data: { k: "1" } });
    await client.patch(`${cms}/a`, { metadata: { labels: { app: "y" } } });
    await client.patch(`${cms}/a`, { data: { k: "2" } });
    await client.patch(`${cms}/a`, { metadata: { labels: { app: "x" } } });
    const events = [await watch.next(), await watch.next(), await watch.next()];
    expect(events.map((event) => event?.type)).toEqual(["MODIFIED", "DELETED", "ADDED"]);
    // The last state that was selected, at the version at which it left.
    expect(events[1]?.object).toMatchObject({ metadata: { labels: { app: "x" } } });
  });

  it("answers 410 for a version that is no longer held", async () => {
    const version = await create("a");
    for (let i = 0; i < 50; i++) await client.patch(`${cms}/a`, { data: { i: `${i}` } });
    using watch = await client.watch(`${cms}?watch=1&resourceVersion=${version}`);
    expect(await watch.next()).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
    expect(await watch.next()).toBeUndefined();
  });

  it("is mute to a client that has seen versions of the future, until then", async () => {
    const version = await create("a");
    const seen = Number(version) + 2;
    using watch = await client.watch(`${cms}?watch=1&resourceVersion=${seen}`);
    for (const name of ["b", "c", "d"]) await create(name);
    expect(await watch.take(1)).toEqual(["ADDED d"]);
  });

  it("ends after timeoutSeconds, with a bookmark for who wants one", async () => {
    using watch = await client.watch(`${cms}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`);
    expect(await watch.next()).toMatchObject({ type: "BOOKMARK", object: { kind: "ConfigMap" } });
    expect(await watch.next()).toBeUndefined();
  });

  it("writes nothing and tells nothing when an update changes nothing", async () => {
    const version = await create("a", { app: "x" });
    const { body } = await client.patch(`${cms}/a`, { metadata: { labels: { app: "x" } } });
    expect(body).toMatchObject({ metadata: { resourceVersion: version } });
  });
});

describe("paged list", () => {
  it("is consistent over pages while others write", async () => {
    for (const name of ["a", "b", "c", "d"]) await create(name);
    const first = await client.get(`${cms}?limit=2`);
    await client.delete(`${cms}/c`);
    await create("ca");
    const { continue: token } = first.body["metadata"] as { continue: string };
    const second = await client.get(`${cms}?limit=2&continue=${token}`);
    const names = [first, second].flatMap(({ body }) =>
      (body["items"] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name),
    );
    expect(names).toEqual(["a", "b", "c", "d"]);
    expect(second.body["metadata"]).not.toHaveProperty("continue");
  });

  it("answers 410 with a token to go on when the list is too old", async () => {
    for (const name of ["a", "b", "c"]) await create(name);
    const first = await client.get(`${cms}?limit=1`);
    for (let i = 0; i < 50; i++) await client.patch(`${cms}/a`, { data: { i: `${i}` } });
    const { continue: token } = first.body["metadata"] as { continue: string };
    const late = await client.get(`${cms}?limit=1&continue=${token}`);
    expect(late).toMatchObject({ status: 410, body: { reason: "Expired", code: 410 } });
    const { continue: fresh } = late.body["metadata"] as { continue: string };
    expect(await client.get(`${cms}?continue=${fresh}`)).toMatchObject({
      status: 200,
      body: { items: [{ metadata: { name: "b" } }, { metadata: { name: "c" } }] },
    });
  });

  it("refuses a version of the future", async () => {
    expect(await client.get(`${cms}?resourceVersion=999999`)).toMatchObject({ status: 504 });
  });
});
