// Whoever asks Services: programs of e2e/tools, run where the client is.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { type Exec, execOk, netnsExec, netnsPath, systemExec } from "../../src/kernel/index.ts";

const tools = new URL("../tools/", import.meta.url).pathname;
/** Where the image `berth.dev/echo` has them. */
const toolsInImage = "/berth/e2e/tools/";
/** Far beyond what any machine needs. */
const patienceMs = 120_000;

/** What a pod says, or why none does. */
export interface Answer {
  readonly pod?: string;
  readonly node?: string;
  /** The address that it saw. */
  readonly client?: string;
  readonly error?: string;
}

/** What became of steady traffic. */
export interface Traffic {
  readonly answered: number;
  /** Of each request that was not answered with 200. */
  readonly failures: readonly string[];
  /** Of the slowest answer: a lost packet is one that was sent again a second later. */
  readonly slowestMs: number;
  readonly seconds: number;
}

/** Steady traffic, which ends at the latest when it is disposed. */
export interface Load extends AsyncDisposable {
  end(): Promise<Traffic>;
}

export interface Client {
  /** As those see it whom it reaches without a detour. */
  addresses(): Promise<readonly string[]>;
  /** Asks so often, one after the other, each over a new connection or socket. */
  ask(protocol: "http" | "udp", host: string, port: number, count?: number): Promise<readonly Answer[]>;
  /** Begins to ask over new connections, so many a second; resolves with the first answer. */
  load(host: string, port: number, perSecond: number): Promise<Load>;
  /** What a tool of e2e/tools prints. */
  run(tool: string, args: readonly string[]): Promise<string>;
}

function askArguments(protocol: string, host: string, port: number, count: number): readonly string[] {
  return [protocol, host, `${port}`, `${count}`];
}

function answersIn(text: string): readonly Answer[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

function trafficIn(text: string): Traffic {
  return JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as Traffic;
}

/** A client in a network namespace of this machine. */
export class NamespaceClient implements Client {
  readonly #netns: string;
  readonly #addresses: readonly string[];
  readonly #exec: Exec;

  constructor({ netns, addresses }: { readonly netns: string; readonly addresses: readonly string[] }) {
    this.#netns = netns;
    this.#addresses = addresses;
    this.#exec = netnsExec(systemExec(process.env), netns);
  }

  async addresses(): Promise<readonly string[]> {
    return this.#addresses;
  }

  async ask(...[protocol, host, port, count = 1]: Parameters<Client["ask"]>): Promise<readonly Answer[]> {
    return answersIn(await this.run("ask.ts", askArguments(protocol, host, port, count)));
  }

  async run(tool: string, args: readonly string[]): Promise<string> {
    const signal = AbortSignal.timeout(patienceMs);
    return await execOk(this.#exec, process.execPath, [`${tools}${tool}`, ...args], { signal });
  }

  async load(host: string, port: number, perSecond: number): Promise<Load> {
    const command = [process.execPath, `${tools}load.ts`, host, `${port}`, `${perSecond}`];
    const child = spawn("nsenter", [`--net=${netnsPath(this.#netns)}`, "--", ...command], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const load = new ProcessLoad(child);
    await load.started;
    return load;
  }
}

class ProcessLoad implements Load {
  readonly started: Promise<void>;
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #closed: Promise<unknown>;
  #text = "";

  constructor(child: ChildProcessByStdio<null, Readable, null>) {
    this.#child = child;
    this.#closed = once(child, "close");
    this.started = new Promise((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => {
        this.#text += chunk.toString();
        resolve();
      });
      child.once("close", (code) => reject(new Error(`the load ended with ${code}`)));
    });
  }

  async end(): Promise<Traffic> {
    await this[Symbol.asyncDispose]();
    return trafficIn(this.#text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#closed;
  }
}

/** How a command is run beside the program of a container of the image `berth.dev/echo`. */
export interface Container {
  exec(command: readonly string[]): Promise<string>;
  addresses(): Promise<readonly string[]>;
}

/** The container of a pod. */
export function podContainer(kubectl: (args: readonly string[]) => Promise<string>, pod: string): Container {
  return {
    exec: (command) => kubectl(["exec", pod, "--", ...command]),
    addresses: async () =>
      (await kubectl(["get", "pod", pod, "--output=jsonpath={.status.podIPs[*].ip}"])).trim().split(" "),
  };
}

/** A client in a container of the image `berth.dev/echo`. */
export class ContainerClient implements Client {
  readonly #container: Container;
  #loads = 0;

  constructor(container: Container) {
    this.#container = container;
  }

  async addresses(): Promise<readonly string[]> {
    return await this.#container.addresses();
  }

  async ask(...[protocol, host, port, count = 1]: Parameters<Client["ask"]>): Promise<readonly Answer[]> {
    return answersIn(await this.run("ask.ts", askArguments(protocol, host, port, count)));
  }

  async run(tool: string, args: readonly string[]): Promise<string> {
    return await this.#container.exec(["node", `${toolsInImage}${tool}`, ...args]);
  }

  /** In the background of the container, as a stream through the API server ends with it. */
  async load(host: string, port: number, perSecond: number): Promise<Load> {
    this.#loads += 1;
    const name = `load-${this.#loads}`;
    await this.run("background.ts", ["start", name, `${toolsInImage}load.ts`, host, `${port}`, `${perSecond}`]);
    let ended: Promise<string> | undefined;
    const end = (): Promise<string> => (ended ??= this.run("background.ts", ["end", name]));
    return { end: async () => trafficIn(await end()), [Symbol.asyncDispose]: async () => void (await end()) };
  }
}
