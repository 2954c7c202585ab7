import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as bodyOf } from "node:stream/consumers";
import { systemClock } from "../../src/base/index.ts";
import { type Call, type Handler, type Probe } from "./call.ts";
import { listenerHandlers } from "./listeners.ts";
import { loadBalancerHandlers } from "./load-balancers.ts";
import { networkHandlers } from "./network.ts";
import { callerArn, checkOwner } from "./owner-tags.ts";
import { AwsError, type Input, type Reply, Request } from "./protocol/index.ts";
import type { RuleId } from "./rules.ts";
import { securityGroupHandlers } from "./security-groups.ts";
import { account, State } from "./state.ts";
import { TagIndex, tagHandlers } from "./tags.ts";
import { targetGroupHandlers } from "./target-groups.ts";

/** A request takes so long there. */
const requestMs = 10;

/** What goes wrong with a request: AWS refuses it, the connection is cut, before it is done or after, or it comes twice. */
export type Trouble = AwsError | "cut before" | "cut after" | "twice";

export interface Entry {
  readonly action: string;
  /** As the SDK is given it. */
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
 * AWS over HTTP, in the region of one account: strict where it is strict, by its model and the table of rules. Knows
 * nothing of Berth but the tag that its policy asks for.
 */
export class FakeAws implements AsyncDisposable {
  readonly state: State = new State();
  /** All requests, in their order. */
  readonly journal: Entry[] = [];
  /** Asked of each request, before anything is done about it. */
  trouble: (entry: Entry) => Trouble | undefined = () => undefined;
  probe: Probe = () => true;
  readonly #server: Server;
  readonly #isOn: Call["isOn"];
  readonly #tick: () => void;
  readonly #tags = new TagIndex();
  readonly #handlers: Readonly<Record<string, Handler>> = {
    ...loadBalancerHandlers,
    ...listenerHandlers,
    ...targetGroupHandlers,
    ...networkHandlers,
    ...securityGroupHandlers,
    ...tagHandlers,
    GetResources: (call, input) => this.#tags.getResources(call, input),
    GetCallerIdentity: () => ({ Arn: callerArn, Account: account, UserId: "x" }),
  };

  private constructor({ off, timesFaster }: FakeAwsOptions) {
    const { state } = this;
    const later = (): number =>
      timesFaster === undefined ? state.now + requestMs : systemClock.monotonic() * timesFaster;
    this.#isOn = (rule) => rule !== off;
    this.#tick = () => void (state.now = later());
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

  /** A look at all that is there at this moment. */
  look(): Call {
    this.#tick();
    return { state: this.state, isOn: this.#isOn, probe: this.probe };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new Request(await bodyOf(request), request.headers["x-amz-target"]?.toString());
    const { action, input } = asked;
    const entry = { action, input, isWrite: !/^(Describe|Get)/.test(action), outcome: "ok" };
    this.journal.push(entry);
    const call = this.look();
    const trouble = this.trouble(entry);
    if (trouble === "cut before") return void request.socket.destroy();
    if (trouble === "twice") await this.#reply(asked, entry, call);
    const reply = await this.#reply(asked, entry, call, trouble instanceof AwsError ? trouble : undefined);
    this.#tags.notice(call);
    if (trouble === "cut after") return void request.socket.destroy();
    response.writeHead(reply.status, { "content-type": reply.type }).end(reply.body);
  }

  async #reply(asked: Request, entry: Entry, call: Call, trouble?: AwsError): Promise<Reply> {
    const { action, input, isWrite } = entry;
    try {
      if (trouble !== undefined) throw trouble;
      const handler = this.#handlers[action];
      if (handler === undefined) throw new AwsError("InvalidAction", `The action ${action} is not valid`);
      asked.check();
      if (isWrite) checkOwner(call, action, input);
      return asked.answer(await handler(call, input as never));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      entry.outcome = error.code;
      return asked.refusal(error);
    }
  }
}
