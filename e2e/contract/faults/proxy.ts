import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createHttp1Server } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import type { Server } from "node:tls";
import { Agent, type Dispatcher } from "undici";
import { type Credentials, createCredentials } from "../../../sandbox/apiserver/certificates.ts";
import { systemClock } from "../../../src/base/index.ts";
import { loadKubeconfig } from "../../../src/kube/index.ts";
import { FrozenProxy } from "../../../src/kube/testing/frozen-proxy.ts";
import { type Fault, kindOf, type RequestKind, type Script, type StreamEnd, status } from "./script.ts";

export const protocols = ["http/2", "http/1.1"] as const;
export type Protocol = (typeof protocols)[number];

type Reply = ServerResponse;

/** The server behind: where it is, and how to be its administrator. */
interface Upstream extends AsyncDisposable {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
}

/**
 * Stands between a client and an API server, with an authority and a token of its own, and does to requests what a
 * script says. Its TLS ends behind a second proxy, of bare TCP, whose connections can be cut and frozen.
 */
export class FaultProxy implements AsyncDisposable {
  credentials: Credentials;
  /** Which token a client must show. */
  token: string;
  /** Lists come in pages of so many. */
  pageSize: number | undefined;
  /** Requests that came, as `watch 17` with the version that was asked for. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #left: Map<RequestKind, Fault[]>;
  #wire: FrozenProxy | undefined;
  #upstream: Upstream;
  #firstVersion = "";
  #gate = Promise.resolve();
  #open: () => void = () => {};
  #isOpen = false;
  readonly #broken = Promise.withResolvers<void>();

  private constructor(upstream: Upstream, credentials: Credentials, protocol: Protocol, script: Script) {
    this.#upstream = upstream;
    this.credentials = credentials;
    this.token = credentials.token;
    this.#left = new Map(Object.entries(script).map(([kind, faults]) => [kind as RequestKind, [...faults]]));
    const handler = (request: IncomingMessage, reply: Reply): void => void this.#handle(request, reply);
    const tls = { cert: credentials.certificate, key: credentials.key };
    this.#server =
      protocol === "http/1.1" ? createHttp1Server(tls, handler) : createSecureServer(tls, handler as never);
  }

  static async start(kubeconfig: string, protocol: Protocol, script: Script): Promise<FaultProxy> {
    const credentials = await createCredentials(["127.0.0.1"], systemClock);
    const proxy = new FaultProxy(await upstreamOf(kubeconfig), credentials, protocol, script);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    proxy.#wire = await FrozenProxy.start((proxy.#server.address() as AddressInfo).port);
    return proxy;
  }

  get port(): number {
    return this.wire.port;
  }

  get wire(): FrozenProxy {
    if (this.#wire === undefined) throw new Error("not started");
    return this.#wire;
  }

  /** Once a stream was broken: from then on requests wait to be let through, so that the world can change meanwhile. */
  get broken(): Promise<void> {
    return this.#broken.promise;
  }

  /** Lets requests through, now and after every break from here on. */
  open(): void {
    this.#isOpen = true;
    this.#open();
  }

  /** Faults that nobody has met. */
  get left(): number {
    return [...this.#left.values()].flat().length;
  }

  /** Another authority signs another certificate; what is connected stays so. */
  async rotateAuthority(): Promise<void> {
    this.credentials = await createCredentials(["127.0.0.1"], systemClock);
    this.#server.setSecureContext({ cert: this.credentials.certificate, key: this.credentials.key });
  }

  /** Another server behind the same address, as after a restart. */
  async retarget(kubeconfig: string): Promise<void> {
    const before = this.#upstream;
    this.#upstream = await upstreamOf(kubeconfig);
    this.wire.reset();
    await before[Symbol.asyncDispose]();
  }

  async #handle(request: IncomingMessage, reply: Reply): Promise<void> {
    reply.on("error", () => {});
    const gone = new AbortController();
    reply.once("close", () => gone.abort());
    try {
      await this.#serve(request, reply, gone.signal);
    } catch {
      // The client or the server behind has gone; the other one shall see it.
      reply.destroy();
    }
  }

  async #serve(request: IncomingMessage, reply: Reply, gone: AbortSignal): Promise<void> {
    await this.#gate;
    const url = new URL(request.url ?? "/", "https://proxy");
    const kind = kindOf(request.method ?? "", url.searchParams);
    this.requests.push(`${kind} ${url.searchParams.get("resourceVersion") ?? ""}`.trim());
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return answer(reply, 401, status(401, "Unauthorized"));
    const fault = this.#left.get(kind)?.shift() ?? { do: "pass" };
    if (fault.do === "mute") return;
    if (fault.do === "answer") return answer(reply, fault.status, fault.body, fault.headers);
    if (fault.do === "replay") url.searchParams.set("resourceVersion", this.#firstVersion);
    if (this.pageSize !== undefined && url.searchParams.get("limit") === "500")
      url.searchParams.set("limit", String(this.pageSize));
    const served = await this.#forward(request, url, gone);
    if (fault.do === "lose") {
      await served.body.dump();
      this.wire.reset();
      return;
    }
    reply.writeHead(served.statusCode, { "content-type": "application/json" });
    if (kind === "watch" && served.statusCode === 200) await this.#stream(served, reply, fault);
    else reply.end(Buffer.from(await served.body.bytes()));
  }

  async #forward(request: IncomingMessage, url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { origin, headers, agent } = this.#upstream;
    const { accept = "*/*", "content-type": contentType } = request.headers;
    const method = request.method ?? "GET";
    return await agent.request({
      origin,
      path: url.pathname + url.search,
      method,
      headers: { ...headers, accept, ...(contentType !== undefined && { "content-type": contentType }) },
      body: method === "GET" ? null : await buffer(request),
      signal,
    });
  }

  async #stream({ body }: Dispatcher.ResponseData, reply: Reply, fault: Fault): Promise<void> {
    if ("flushHeaders" in reply) reply.flushHeaders();
    let passed = 0;
    if (fault.do === "break" && fault.after === 0) return await this.#break(reply, "", fault);
    for await (const line of linesOf(body)) {
      if (fault.do === "break" && passed === fault.after) return await this.#break(reply, line, fault);
      if (this.#firstVersion === "" && line.includes('"BOOKMARK"'))
        this.#firstVersion = JSON.parse(line).object.metadata.resourceVersion;
      if (fault.do === "trickle") for (const byte of Buffer.from(line)) await write(reply, Buffer.of(byte));
      else await write(reply, line);
      if (fault.do === "twice") await write(reply, line);
      passed += 1;
    }
    reply.end();
  }

  async #break(reply: Reply, line: string, { last, end }: Fault & { do: "break" }): Promise<void> {
    const text = last === "half" ? line.slice(0, line.length / 2) : (last?.text ?? "");
    if (text !== "") await write(reply, text);
    if (!this.#isOpen) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#gate = promise;
      this.#open = resolve;
    }
    this.#end(reply, end);
    this.#broken.resolve();
  }

  #end(reply: Reply, end: StreamEnd): void {
    if (end === "end") reply.end();
    else if (end === "fin") this.wire.end();
    else if (end === "reset") this.wire.reset();
    else if (end === "freeze") this.wire.freeze();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open();
    await this.wire[Symbol.asyncDispose]();
    await this.#upstream[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function upstreamOf(kubeconfig: string): Promise<Upstream> {
  const connection = await loadKubeconfig(kubeconfig);
  const { tls, headers } = await connection.credentials();
  const agent = new Agent({ connect: tls, allowH2: false, bodyTimeout: 0, headersTimeout: 0 });
  return { origin: connection.server, headers, agent, [Symbol.asyncDispose]: () => agent.destroy() };
}

function answer(
  reply: Reply,
  code: number,
  body: string | object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = typeof body === "string" ? "text/html" : "application/json";
  reply.writeHead(code, { "content-type": type, ...headers });
  reply.end(typeof body === "string" ? body : JSON.stringify(body));
}

/** Resolves once it is on its way. */
async function write(reply: Reply, chunk: string | Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => reply.write(chunk, (error) => (error ? reject(error) : resolve())));
  await setImmediate();
}

/** With their line ends. */
async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield `${line}\n`;
  }
}
