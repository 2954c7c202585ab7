import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/base/index.ts";
import { AwsError, type Call, callerArn, checkOwner, type Handler, type Probe, text } from "./call.ts";
import { ec2Handlers } from "./ec2.ts";
import { listenerHandlers } from "./listeners.ts";
import { loadBalancerHandlers } from "./load-balancers.ts";
import { type Path, pathsOf } from "./paths.ts";
import type { RuleId } from "./rules.ts";
import { State } from "./state.ts";
import { elbTagHandlers, TagIndex } from "./tags.ts";
import { targetGroupHandlers } from "./target-groups.ts";
import { decodeForm, encodeXml, type Input, type Value } from "./wire.ts";

const elbHandlers: Readonly<Record<string, Handler>> = {
  ...loadBalancerHandlers,
  ...listenerHandlers,
  ...targetGroupHandlers,
  ...elbTagHandlers,
};

/** A request takes so long there. */
const requestMs = 10;

/** What goes wrong with a request: AWS refuses it, or the connection is cut, before it is done or after. */
export type Trouble = AwsError | "cut before" | "cut after";

export interface Entry {
  readonly action: string;
  readonly input: Input;
  readonly isWrite: boolean;
  /** `ok`, or AWS' word. */
  outcome: string;
}

export interface FakeAwsOptions {
  /** A rule that does not hold. */
  readonly off?: RuleId | undefined;
  /** How much faster time goes by there than here; without it, only by requests and `pass`. */
  readonly timesFaster?: number;
}

/**
 * AWS over HTTP, in the region of one account: strict where it is strict, by the table of rules. Knows nothing of Berth
 * but the tag that its policy asks for.
 */
export class FakeAws implements AsyncDisposable {
  readonly state: State = new State();
  /** All requests, in their order. */
  readonly journal: Entry[] = [];
  /** Asked of each request. */
  trouble: (entry: Entry) => Trouble | undefined = () => undefined;
  probe: Probe = () => true;
  readonly #tags = new TagIndex();
  readonly #server: Server;
  readonly #isOn: Call["isOn"];
  readonly #tick: () => void = () => void (this.state.now += requestMs);

  private constructor({ off, timesFaster }: FakeAwsOptions) {
    this.#isOn = (rule) => rule !== off;
    if (timesFaster !== undefined) this.#tick = () => void (this.state.now = systemClock.monotonic() * timesFaster);
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: FakeAwsOptions = {}): Promise<FakeAws> {
    const fake = new FakeAws(options);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Time goes by there. */
  pass(ms: number): void {
    this.state.now += ms;
  }

  /** The requests that changed something, or would have. */
  writes(): readonly Entry[] {
    return this.journal.filter(({ isWrite }) => isWrite);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Where it sends what clients send to it, at this moment. */
  async paths(): Promise<readonly Path[]> {
    this.#tick();
    return await pathsOf(this.#call({}));
  }

  #call(input: Input): Call {
    return { state: this.state, input, isOn: this.#isOn, probe: this.probe };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const target = request.headers["x-amz-target"];
    const input = target === undefined ? decodeForm(body) : (JSON.parse(body) as Input);
    const action = target === undefined ? text(input, "Action") : ([target].flat()[0]?.split(".").at(-1) ?? "");
    const entry = { action, input, isWrite: !isLook(action), outcome: "ok" };
    this.journal.push(entry);
    this.#tick();
    const trouble = this.trouble(entry);
    if (trouble === "cut before") return void request.socket.destroy();
    const reply = await answerOf(entry, target === undefined ? text(input, "Version") : "json", () => {
      if (trouble instanceof AwsError) throw trouble;
      return this.#handle(action, input);
    });
    this.#tags.notice({ state: this.state, isOn: this.#isOn });
    if (trouble === "cut after") return void request.socket.destroy();
    response.writeHead(reply.status, { "content-type": reply.type }).end(reply.body);
  }

  #handle(action: string, input: Input): unknown {
    const call = this.#call(input);
    if (action === "GetResources") return this.#tags.getResources(call);
    if (action === "GetCallerIdentity") return { Arn: callerArn, Account: "123456789012", UserId: "x" };
    const handler = input["Version"] === ec2Version ? ec2Handlers[action] : elbHandlers[action];
    if (handler === undefined) throw new AwsError("InvalidAction", `The action ${action} is not valid`);
    if (!isLook(action)) checkOwner(call, action);
    return handler(call);
  }
}

function isLook(action: string): boolean {
  return /^(Describe|Get)/.test(action);
}

const ec2Version = "2016-11-15";

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answerOf(entry: Entry, version: string, handle: () => unknown): Promise<Reply> {
  try {
    const value = await handle();
    return { status: 200, ...success(entry.action, version, value) };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    entry.outcome = error.code;
    return { status: error.status, ...failure(version, error) };
  }
}

type Body = Omit<Reply, "status">;

function success(action: string, version: string, value: unknown): Body {
  if (version === "json") return json(value);
  if (version === ec2Version) return xml(encodeXml(`${action}Response`, value as Value, "item"));
  return xml(encodeXml(`${action}Response`, { [`${action}Result`]: value as Value }, "member"));
}

function failure(version: string, { code, message }: AwsError): Body {
  if (version === "json") return json({ __type: code, message });
  const error: Value = { Code: code, Message: message };
  return version === ec2Version
    ? xml(encodeXml("Response", { Errors: { Error: error } }, "item"))
    : xml(encodeXml("ErrorResponse", { Error: error }, "member"));
}

function json(value: unknown): Body {
  return { type: "application/x-amz-json-1.1", body: JSON.stringify(value) };
}

function xml(body: string): Body {
  return { type: "text/xml", body };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  return body;
}
