import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type Body, referencesOf, zoneOf } from "./body.ts";
import type { Probe } from "./fabric/health.ts";
import { pathsOf } from "./fabric/paths.ts";
import type { LateFailure, Operations } from "./operations.ts";
import { Refusal, refusalBody, refuse } from "./refusal.ts";
import { Requests, type RequestsOptions } from "./requests.ts";
import { reads } from "./rule.ts";
import { type Route, Schema } from "./schema.ts";
import type { Machine, World } from "./world.ts";

export interface FakeGceOptions extends RequestsOptions {
  readonly machines?: readonly Machine[];
}

export interface JournalEntry {
  /** `insert`, `list` */
  readonly method: string;
  readonly path: string;
  readonly isWrite: boolean;
  readonly requestId: string | undefined;
  /** It bore credentials. */
  readonly isAuthorized: boolean;
  /** Of the answer; 0 when there was none. */
  status: number;
}

/** What goes wrong with the next requests that fit. */
export interface Fault {
  readonly fits: (entry: Pick<JournalEntry, "method" | "path">) => boolean;
  /** Absent: for ever. */
  readonly times?: number;
  /** `lose`: it is done, and nobody hears of it; `hang`: nothing is answered; `late`: the operation fails at its end. */
  readonly how:
    | { readonly kind: "answer"; readonly status: number; readonly body: object; readonly headers?: Headers }
    | { readonly kind: "lose" | "hang" }
    | { readonly kind: "late"; readonly failure: LateFailure };
}

type Headers = Readonly<Record<string, string>>;

const schema: { made?: Schema } = {};

/** Serves one project on loopback. */
export class FakeGce implements AsyncDisposable {
  readonly world: World;
  readonly operations: Operations;
  readonly journal: JournalEntry[] = [];
  readonly faults: Fault[] = [];
  readonly url: URL;
  readonly #server: Server;
  readonly #requests: Requests;
  readonly #probe: Probe;
  readonly #schema: Schema;
  readonly #struck = new Map<Fault, number>();
  readonly #open = new Set<ServerResponse>();

  private constructor(server: Server, options: FakeGceOptions) {
    this.#server = server;
    this.#requests = new Requests(options);
    this.#probe = options.probe;
    this.#schema = schema.made ??= new Schema();
    this.world = this.#requests.world;
    this.operations = this.#requests.operations;
    for (const machine of options.machines ?? []) this.addMachine(machine);
    this.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on("request", (request, response) => void this.#receive(request, response));
  }

  static async start(options: FakeGceOptions): Promise<FakeGce> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FakeGce(server, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Nothing was ever made; machines stay. */
  clear(): void {
    this.world.clear();
    this.operations.clear();
    this.journal.length = 0;
    this.faults.length = 0;
  }

  addMachine(machine: Machine): void {
    this.world.machines.set(`${machine.zone}/${machine.name}`, machine);
  }

  removeMachine({ zone, name }: Machine): void {
    this.world.machines.delete(`${zone}/${name}`);
    for (const [path, names] of this.world.endpoints) {
      const left = names.filter((other) => other !== name);
      if (zoneOf(path) === zone) this.world.endpoints.set(path, left);
    }
  }

  /** Each address that rules lead to, with the machines that get what is sent there. */
  async paths(): Promise<ReadonlyMap<string, readonly string[]>> {
    return await pathsOf(this.world, this.#probe);
  }

  /** Once no request is open. */
  async idle(): Promise<void> {
    for (const response of this.#open) await once(response, "close");
  }

  /** What refers to something that is not there. */
  dangling(): readonly string[] {
    const { resources } = this.world;
    const all = [...resources].flatMap(([path, body]) => referencesOf(body).map((other) => ({ path, other })));
    return all.filter(({ other }) => !resources.has(other)).map(({ path, other }) => `${path} -> ${other}`);
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#open.add(response);
    response.on("close", () => this.#open.delete(response));
    const sent = await text(request);
    this.world.tick();
    this.operations.advance();
    const url = new URL(request.url ?? "/", this.url);
    const { method: verb, headers } = request;
    const route = this.#schema.routes.find((one) => one.verb === verb && one.pattern.test(url.pathname));
    const entry: JournalEntry = {
      method: route?.method ?? "unknown",
      path: url.pathname.replace(/^\/compute\/v1\//, ""),
      isWrite: route !== undefined && !reads.split(",").includes(route.method),
      requestId: url.searchParams.get("requestId") ?? undefined,
      isAuthorized: headers.authorization !== undefined,
      status: 0,
    };
    this.journal.push(entry);
    const fault = this.#faultFor(entry);
    const send = (status: number, body: object, more: Headers = {}): void => {
      entry.status = status;
      response.writeHead(status, { "content-type": "application/json", ...more }).end(JSON.stringify(body));
    };
    if (fault?.kind === "answer") return send(fault.status, fault.body, fault.headers);
    if (fault?.kind === "hang") return;
    try {
      if (route === undefined) refuse(404, "notFound", "Not Found");
      const answer = await this.#answer(route, url, sent, fault?.kind === "late" ? fault.failure : undefined);
      if (fault?.kind === "lose") return void request.socket.destroy();
      send(200, answer);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, "backendError", String(error));
      send(refusal.status, refusalBody(refusal));
    }
  }

  async #answer(route: Route, { pathname, searchParams: query }: URL, sent: string, late?: LateFailure): Promise<Body> {
    const body = sent === "" || sent === '""' ? {} : (JSON.parse(sent) as Body);
    this.#schema.checkQuery(route, query);
    if (route.body !== undefined) this.#schema.check(route.body, body);
    const path = pathname.replace(/^\/compute\/v1\//, "");
    const answer = await this.#requests.answer({ route, path, query, body }, late);
    try {
      this.#schema.check(route.answer, answer);
    } catch (cause) {
      // Nothing leaves here that the API could not say.
      throw new Error(`the answer to ${route.service}.${route.method} is no ${route.answer}: ${String(cause)}`, {
        cause,
      });
    }
    return answer;
  }

  #faultFor(entry: JournalEntry): Fault["how"] | undefined {
    const struck = (one: Fault): number => this.#struck.get(one) ?? 0;
    const fault = this.faults.find((one) => one.fits(entry) && struck(one) < (one.times ?? Number.POSITIVE_INFINITY));
    if (fault !== undefined) this.#struck.set(fault, struck(fault) + 1);
    return fault?.how;
  }
}
