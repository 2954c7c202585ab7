import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startRelay } from "./relay.ts";

let dir = "";
let server: Server;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-relay-"));
  server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(join(dir, "socket"), resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

it("carries every byte both ways, also the last before the end", async () => {
  await using relay = await startRelay({ path: join(dir, "socket") });
  const said = "x".repeat(3_000_000);
  const socket = connect(relay.port, "127.0.0.1");
  socket.end(said);
  expect((await text(socket)).length).toBe(said.length);
});

it("breaks the connection of a client when nobody listens behind it", async () => {
  await using relay = await startRelay({ path: join(dir, "nobody") });
  expect(await text(connect(relay.port, "127.0.0.1"))).toBe("");
});

it("ends its connections when disposed", async () => {
  const relay = await startRelay({ path: join(dir, "socket") });
  const socket = connect(relay.port, "127.0.0.1");
  socket.write("hello");
  await new Promise((resolve) => socket.once("data", resolve));
  await relay[Symbol.asyncDispose]();
  expect(await text(socket)).toBe("");
});
