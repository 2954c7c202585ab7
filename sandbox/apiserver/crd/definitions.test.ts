import { afterEach, beforeEach, expect, it } from "vitest";
import { startServer, TestClient } from "../fixture.ts";
import type { ApiServer } from "../index.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const toys = "/apis/example.com/v1/toys";

function definition(plural: string, kind: string, more: object = {}): object {
  const schema = {
    openAPIV3Schema: {
      type: "object",
      properties: { spec: { type: "object", properties: { a: { type: "string" } } } },
    },
  };
  return {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural, kind },
      versions: [{ name: "v1", served: true, storage: true, schema, ...more }],
    },
  };
}

let server: ApiServer;
let client: TestClient;

beforeEach(async () => {
  server = await startServer();
  client = new TestClient(server);
});
afterEach(() => server[Symbol.asyncDispose]());

async function untilServed(path: string): Promise<void> {
  while ((await client.get(path)).status !== 200);
}

it("serves a kind from its definition to its end, with what is stored", async () => {
  await client.post(definitions, definition("toys", "Toy"));
  await untilServed(toys);
  const toy = { apiVersion: "example.com/v1", kind: "Toy", metadata: { name: "t" }, spec: { a: "b" } };
  expect((await client.post(toys, toy)).status).toBe(201);
  await client.delete(`${definitions}/toys.example.com`);
  await client.untilGone(`${definitions}/toys.example.com`);
  expect((await client.get(toys)).status).toBe(404);
  await client.post(definitions, definition("toys", "Toy"));
  await untilServed(toys);
  expect((await client.get(toys)).body["items"]).toEqual([]);
});

it("waits at its end for an object that somebody holds", async () => {
  await client.post(definitions, definition("toys", "Toy"));
  await untilServed(toys);
  const metadata = { name: "t", finalizers: ["example.com/hold"] };
  await client.post(toys, { apiVersion: "example.com/v1", kind: "Toy", metadata });
  await client.delete(`${definitions}/toys.example.com`);
  while ((await client.get(`${toys}/t`)).body["metadata"]?.["deletionTimestamp" as never] === undefined);
  expect((await client.get(`${definitions}/toys.example.com`)).status).toBe(200);
  await client.patch(`${toys}/t`, { metadata: { finalizers: null } });
  await client.untilGone(`${definitions}/toys.example.com`);
});

it("gives names that another one had when that goes", async () => {
  await client.post(definitions, definition("toys", "Toy"));
  await untilServed(toys);
  await client.post(definitions, definition("games", "Toy"));
  expect((await client.get("/apis/example.com/v1/games")).status).toBe(404);
  await client.delete(`${definitions}/toys.example.com`);
  await untilServed("/apis/example.com/v1/games");
});

it("selects by the fields that the definition names", async () => {
  await client.post(definitions, definition("toys", "Toy", { selectableFields: [{ jsonPath: ".spec.a" }] }));
  await untilServed(toys);
  for (const name of ["x", "y"])
    await client.post(toys, { apiVersion: "example.com/v1", kind: "Toy", metadata: { name }, spec: { a: name } });
  const { items } = (await client.get(`${toys}?fieldSelector=spec.a%3Dy`)).body;
  expect(items).toEqual([expect.objectContaining({ spec: { a: "y" } })]);
});
