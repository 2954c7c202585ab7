import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Network } from "../../src/agent/testing/network.ts";
import { sleep, withTimeout } from "../../src/base/index.ts";
import { type Exec, execOk } from "../../src/kernel/index.ts";
import { advanceSentinel, hasSentinel } from "../churn/sentinel.ts";
import { nodeName } from "../churn/side.ts";
import type { Child } from "../contract/child.ts";
import type { Answers } from "../tools/ask-all.ts";
import { type Flavour, flavourEnvironment } from "../tools/iptables-flavour.ts";
import { bringApiServer, enterNetns } from "../tools/node-namespace.ts";
import { recordedCalls, recordPrograms } from "../tools/recorded-program.ts";
import type { Cluster } from "./cluster.ts";
import { type Rules, readRules } from "./node-rules.ts";
import { type Member, members, type Probe } from "./probes.ts";
import { cleanUp, type ProxyName, type ProxyPlace, startProxy } from "./proxies.ts";

/** Far beyond what either proxy needs: reaching it means that it never comes. */
const patienceMs = 60_000;
const pollMs = 20;

/** The prefixes of all pods of `Network`. */
export const podPrefixes = "--cluster-cidr=10.244.0.0/16,fd00:244::/32";

const askAll = new URL("../tools/ask-all.ts", import.meta.url).pathname;
const echoServer = new URL("../tools/echo-server.ts", import.meta.url).pathname;

const restorePrograms = ["iptables-restore", "ip6tables-restore"];

interface StagePlace extends ProxyPlace {
  /** Where the calls of `restorePrograms` are recorded. */
  readonly records: string;
}

/** A node that one proxy serves after the other, among the clients and pods of `Network`. */
export class Stage implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #network: Network;
  readonly #place: StagePlace;
  readonly #owned: AsyncDisposableStack;
  /** How many calls of each of `restorePrograms` were told of. */
  readonly #calls = new Map<string, number>();
  #round = 0;

  private constructor(cluster: Cluster, network: Network, place: StagePlace, owned: AsyncDisposableStack) {
    this.#cluster = cluster;
    this.#network = network;
    this.#place = place;
    this.#owned = owned;
  }

  static async start(cluster: Cluster, host: Exec, flavour: Flavour, signal: AbortSignal): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "berth-parity-"));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const network = stack.use(new Network(host));
    await network.create(signal);
    const netns = network.name("node");
    // No refusal is kept back because there were many.
    await execOk(network.exec("node"), "sysctl", ["-qw", "net.ipv4.icmp_msgs_per_sec=1000000"], { signal });
    stack.use(await bringApiServer(netns, cluster.server));
    for (const member of ["pod-1", "far"] as const) {
      const server = stack.use(enterNetns(network.name(member), process.execPath, [echoServer, member]));
      await server.ready(({ stdout }) => stdout.includes("ready"));
    }
    const records = join(directory, "records");
    recordPrograms(records, restorePrograms);
    const tools = flavourEnvironment(join(directory, "tools"), flavour);
    const environment = { ...tools, PATH: [records, tools.PATH].join(delimiter) };
    const place = { netns, environment, kubeconfig: cluster.kubeconfig, node: nodeName };
    return new Stage(cluster, network, { ...place, records }, stack.move());
  }

  /** The namespace of a member. */
  netns(member: Member): string {
    return this.#network.name(member);
  }

  /** Starts a proxy and waits until it has written what happened after its start. */
  async run(name: ProxyName, flags: readonly string[], signal: AbortSignal): Promise<Child> {
    const child = startProxy(name, this.#place, flags);
    try {
      await this.#caughtUp(child, signal);
      return child;
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #caughtUp(child: Child, signal: AbortSignal): Promise<void> {
    this.#round += 1;
    await this.#cluster.perform(advanceSentinel(this.#round), signal);
    using limit = withTimeout(signal, patienceMs, "the proxy");
    while (!hasSentinel(Object.values(await this.rules(signal)).join("\n"), this.#round)) {
      if (!child.running) throw child.failure("ended");
      if (limit.signal.aborted) throw child.failure("has not caught up");
      await sleep(pollMs, signal);
    }
  }

  rules(signal: AbortSignal): Promise<Rules> {
    return readRules(this.#network.exec("node"), this.#place.environment, signal);
  }

  /** What was given to `iptables-restore` of both families since the last call, line by line. */
  written(): readonly string[] {
    return restorePrograms.flatMap((program) => {
      const calls = recordedCalls(this.#place.records, program);
      const fresh = calls.slice(this.#calls.get(program) ?? 0);
      this.#calls.set(program, calls.length);
      return fresh.flatMap((call) => call.split("\n"));
    });
  }

  /** Runs what a proxy has for taking its rules away. */
  cleanUp(name: ProxyName): Promise<void> {
    return cleanUp(name, this.#place);
  }

  /** What comes of all probes, in their order. */
  async ask(probes: readonly Probe[]): Promise<readonly Answers[]> {
    // A client that asks at several addresses at a time gets to an endpoint by each. Which one it sticks to is settled
    // by the time that they have answered.
    await this.#askAll(probes.filter(({ sticky }) => sticky).map((probe) => ({ ...probe, question: once(probe) })));
    return await this.#askAll(probes);
  }

  async #askAll(probes: readonly Probe[]): Promise<readonly Answers[]> {
    const answers = new Map<Probe, Answers>();
    const askFrom = async (member: Member): Promise<void> => {
      const own = probes.filter(({ from }) => from === member);
      await using child = enterNetns(this.netns(member), process.execPath, [askAll], { stdin: questionsOf(own) });
      if ((await child.end(patienceMs)) !== 0) throw child.failure("failed");
      for (const [i, one] of (JSON.parse(child.stdout) as readonly Answers[]).entries()) {
        const probe = own[i];
        if (probe !== undefined) answers.set(probe, one);
      }
    };
    await Promise.all(members.map(askFrom));
    return probes.map((probe) => answers.get(probe) ?? []);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

function once({ question }: Probe): Probe["question"] {
  return { ...question, count: 1 };
}

function questionsOf(probes: readonly Probe[]): string {
  return JSON.stringify(probes.map(({ question }) => question));
}
