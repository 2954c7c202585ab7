// Answers that are none, through the npm client: what is between here and Google Cloud may say anything.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import gax from "google-gax";
import { afterEach, expect, it, vi } from "vitest";
import { FailureError, systemClock } from "../../../src/base/index.ts";
import { decide, type Fault, type ProviderContext, ProviderError, Requests } from "../../../src/provider/index.ts";
import { listOf } from "../calls.ts";
import { type Call, ComputeClient, connect, isLost } from "../client.ts";
import { provider } from "../index.ts";
import { Refusals } from "../refusals.ts";
import type { Action } from "../resources.ts";
import { settings } from "../testing/values.ts";
import { Writer } from "../writer.ts";

const { signal } = new AbortController();
const read: Call = { ...listOf("firewall", undefined, settings), kind: "read" };
const insert: Action = {
  verb: "insert",
  resource: { kind: "address", name: "a", description: "", addressType: "EXTERNAL", networkTier: "PREMIUM" },
};
const html = "<!doctype html><title>Log in to the Wi-Fi</title>";

type Answer = (response: ServerResponse) => void;

const answer =
  (status: number, type: string, body: string): Answer =>
  (response) =>
    void response.writeHead(status, { "content-type": type }).end(body);
const cutAfter =
  (body: string): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write(body, () => response.destroy());
  };

afterEach(() => vi.restoreAllMocks());

interface Served extends AsyncDisposable {
  readonly client: ComputeClient;
  readonly asked: readonly URL[];
}

/** A client of something that always answers so. */
async function serve(how: Answer): Promise<Served> {
  const asked: URL[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? "/", "http://x"));
    how(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    client: await clientOf(new URL(`http://127.0.0.1:${port}`)),
    asked,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function clientOf(endpoint: URL): Promise<ComputeClient> {
  return new ComputeClient(await connect(endpoint), new Requests({ fence: () => undefined, clock: systemClock }));
}

async function failureOf(done: Promise<unknown>): Promise<unknown> {
  try {
    return { answer: await done };
  } catch (error) {
    return error;
  }
}

function faultOf(error: unknown): unknown {
  return error instanceof ProviderError ? error.fault : error;
}

it.each<[string, Answer]>([
  ["a page of HTML for success", answer(200, "text/html", html)],
  ["a page of HTML of a gateway", answer(502, "text/html", html)],
  ["an answer that is cut off", cutAfter('{"items":[{"name":"a"')],
  ["an answer that ends too soon", answer(200, "application/json", '{"items":[{"name":"a"')],
  ["no answer but a closed connection", (response) => response.destroy()],
  ["JSON of another shape", answer(200, "application/json", '{"items":"none"}')],
])("%s is tried again, and a change that got it is not made twice", async (_, how) => {
  await using served = await serve(how);
  expect(faultOf(await failureOf(served.client.call(read, signal)))).toEqual({ kind: "retryable" });
  expect(served.asked).toHaveLength(1);
  const writer = new Writer({
    client: served.client,
    settings,
    refusals: new Refusals(systemClock),
    clock: systemClock,
    pollMs: 1,
  });
  for (let i = 0; i < 2; i++) {
    const error = await failureOf(writer.apply(insert, signal));
    expect([decide(error).kind, isLost(error)]).toEqual(["backOff", true]);
  }
  const ids = served.asked.slice(1).map(({ searchParams }) => searchParams.get("requestId"));
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
});

it("says of a page of HTML that refuses no more than it does", async () => {
  await using served = await serve(answer(403, "text/html", html));
  expect(faultOf(await failureOf(served.client.call(read, signal)))).toEqual({
    kind: "forbidden",
    action: "compute.firewalls.list in project shop",
  });
});

it("tries again where nobody listens", async () => {
  const { client, asked } = await (async () => {
    await using served = await serve(answer(200, "application/json", "{}"));
    return served;
  })();
  expect(faultOf(await failureOf(client.call(read, signal)))).toEqual({ kind: "retryable" });
  expect(asked).toEqual([]);
});

it("takes an empty list for one, and what has no list for nothing wrong", async () => {
  await using served = await serve(answer(200, "application/json", "{}"));
  expect(await served.client.list(listOf("firewall", undefined, settings), signal)).toHaveLength(1);
});

const { GoogleAuth, PassThroughClient } = gax.googleAuthLibrary;

/** As Google's library tells that there is no token. */
function tokenError(status: number | undefined, message: string): Error {
  return Object.assign(new Error(message), { status, ...(status !== undefined && { response: { status } }) });
}

it.each<[string, Error, Fault]>([
  [
    "a key that was withdrawn",
    tokenError(400, "invalid_grant: Invalid JWT Signature."),
    {
      kind: "blocked",
      reason: "CredentialsRefused",
      remedy: "give the controller credentials that Google Cloud takes",
    },
  ],
  [
    "a metadata server that is away",
    tokenError(undefined, "connect ECONNREFUSED 169.254.169.254:80"),
    { kind: "retryable" },
  ],
  ["a metadata server in trouble", tokenError(503, "Service Unavailable"), { kind: "retryable" }],
])("without a token, for %s, it is told so", async (_, error, fault) => {
  vi.spyOn(GoogleAuth.prototype, "getClient").mockResolvedValue(new PassThroughClient());
  vi.spyOn(GoogleAuth.prototype, "fetch").mockRejectedValue(error);
  const client = await clientOf(new URL("https://compute.p.example"));
  expect(faultOf(await failureOf(client.call(read, signal)))).toEqual(fault);
});

it("does not start without credentials, and says what to give", async () => {
  vi.spyOn(GoogleAuth.prototype, "getClient").mockRejectedValue(new Error("Could not load the default credentials."));
  const flags = {
    "gcp-l4-project": "shop",
    "gcp-l4-region": "europe-west1",
    "gcp-l4-endpoint": "https://compute.p.example",
    "gcp-l4-allow-custom-endpoint": "true",
  };
  const context = { flags, environment: {}, fence: () => undefined, clock: systemClock } as Partial<ProviderContext>;
  await expect(provider.create(context as ProviderContext)).rejects.toThrow(
    new FailureError(
      "gcp-l4: Could not load the default credentials.; give the controller credentials of Google Cloud (Application Default Credentials)",
    ),
  );
});
