import { expect, it } from "vitest";
import { serveEndpoints } from "./index.ts";

it("answers routes, 404 without one and 500 when a route throws", async () => {
  await using endpoint = await serveEndpoints({
    host: "127.0.0.1",
    port: 0,
    routes: {
      "/livez": () => ({ status: 200, body: "ok" }),
      "/bad": () => {
        throw new Error("no rules yet");
      },
    },
  });
  const get = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${endpoint.port}${path}`);
    return [answer.status, await answer.text()];
  };
  expect(await get("/livez?verbose")).toEqual([200, "ok"]);
  expect(await get("/other")).toEqual([404, "not found\n"]);
  expect(await get("/bad")).toEqual([500, "no rules yet\n"]);
});

it("rejects with the listen error when the port is taken", async () => {
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  await expect(serveEndpoints({ host: "127.0.0.1", port: endpoint.port, routes: {} })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});
