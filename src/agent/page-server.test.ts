import { expect, it } from "vitest";
import { systemClock } from "../base/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { freePort } from "../telemetry/testing/free-port.ts";
import { localAddresses } from "./host.ts";
import { servePages } from "./page-server.ts";

const loopbacks = localAddresses().filter((address) => address === "127.0.0.1" || address === "::1");

const routes = { "/": () => ({ status: 200, body: "here" }) };

async function answer(address: string, port: number): Promise<string> {
  const host = address.includes(":") ? `[${address}]` : address;
  return await fetch(`http://${host}:${port}/`).then(
    async (response) => await response.text(),
    () => "nobody",
  );
}

it.each([
  ["0.0.0.0", loopbacks],
  ["::", loopbacks],
  ["127.0.0.1", ["127.0.0.1"]],
])("answers where %s says: everywhere is both families", async (host, expected) => {
  const port = await freePort();
  const options = { host, port, routes, flag: "--x", hardFail: true, onFailure() {}, logger: nullLogger };
  await using _pages = await servePages({ ...options, clock: systemClock }, new AbortController().signal);
  const answers = await Promise.all(loopbacks.map(async (address) => [address, await answer(address, port)]));
  expect(answers).toEqual(loopbacks.map((address) => [address, expected.includes(address) ? "here" : "nobody"]));
});
