import { expect, it, vi } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { FailureError } from "../base/index.ts";
import { type HttpEndpoint, nullLogger, serveEndpoints } from "../telemetry/index.ts";
import { keepServing } from "./bind.ts";

const routes = { "/healthz": () => ({ status: 200, body: "ours" }) };

async function taken(): Promise<HttpEndpoint> {
  return await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
}

async function ask(port: number): Promise<string> {
  return await fetch(`http://127.0.0.1:${port}/healthz`).then(
    (answer) => answer.text(),
    () => "nobody",
  );
}

it("ends the start when the port is taken and that is to be an error", async () => {
  await using other = await taken();
  const { port } = other;
  const options = { flag: "--x", host: "127.0.0.1", port, routes, logger: nullLogger, clock: new FakeClock() };
  await expect(keepServing({ ...options, hardFail: true })).rejects.toThrow(
    new FailureError(
      `--x: cannot listen on 127.0.0.1 port ${port}: the port is taken, not by a proxy of Services; free it or give another`,
    ),
  );
});

it("serves as soon as the port is free", async () => {
  const other = await taken();
  const { port } = other;
  const clock = new FakeClock();
  const warn = vi.fn();
  const logger = { ...nullLogger, warn };
  {
    await using _ours = await keepServing({
      flag: "--x",
      host: "127.0.0.1",
      port,
      routes,
      hardFail: false,
      logger,
      clock,
    });
    expect(warn).toHaveBeenCalledTimes(1);
    clock.advance(5000);
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(2));
    await other[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(clock.pending).toEqual([5000]));
    clock.advance(5000);
    await vi.waitFor(async () => expect(await ask(port)).toBe("ours"));
  }
  expect(await ask(port)).toBe("nobody");
});

it("stops trying when it is disposed", async () => {
  await using other = await taken();
  const clock = new FakeClock();
  const logger = nullLogger;
  const options = { flag: "--x", host: "127.0.0.1", port: other.port, routes, hardFail: false, logger, clock };
  await (await keepServing(options))[Symbol.asyncDispose]();
  expect(clock.pending).toEqual([]);
});
