import { Backoff, type Clock, errorMessage, FailureError, isAbort, UsageError } from "../base/index.ts";
import {
  applyNft,
  Conntrack,
  type Exec,
  execOk,
  findProcess,
  formatProcess,
  listNftChain,
  oneOfEach,
  ProgramFailedError,
} from "../kernel/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger, Metrics } from "../telemetry/index.ts";
import { Bell } from "./bell.ts";
import {
  type BalancerConfig,
  balancerFiles,
  parseBalancerConfig,
  parseBalancerStatus,
  renderBalancerStatus,
  textHash,
} from "./config.ts";
import { Directory } from "./directory.ts";
import { Drains } from "./drains.ts";
import { staleFlows } from "./flows.ts";
import { lockNamespace } from "./lock.ts";
import { balancerMetrics } from "./metrics.ts";
import type { Probe } from "./probe.ts";
import { Prober } from "./prober.ts";
import { entryChain, readHashes, ruleset, table } from "./ruleset.ts";

export interface BalancerOptions {
  /** Holds the files of `balancerFiles`. */
  readonly directory: string;
  /** Wait for the configuration where there is none yet, as before a container's addresses are known. */
  readonly awaitConfig: boolean;
  readonly exec: Exec;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

/** How long a new configuration waits for the first answers of targets that nothing is known of. */
const settleMs = 300;
/** How often to look at the configuration although nobody said that it changed. */
const lookMs = 5000;

/**
 * Serves one load balancer in the network namespace that it runs in, until the signal aborts or the directory is
 * gone. The rules stay in the kernel then: traffic flows without us, only health changes go unnoticed.
 */
export async function runBalancer(options: BalancerOptions): Promise<void> {
  const directory = new Directory(options.directory);
  const text = await firstConfig(options, directory);
  if (text === undefined) return;
  const config = parseBalancerConfig(text, directory.file(balancerFiles.config));
  const { exec, signal } = options;
  const inForce = await rulesInForce(exec, signal);
  await execOk(exec, "conntrack", ["--version"], { signal });
  using _lock = await lockNamespace();
  const self = findProcess(process.pid);
  if (self !== undefined) await directory.write(balancerFiles.pid, formatProcess(self));
  using balancer = new Balancer(options, directory, { text, config, inForce });
  await balancer.run();
}

/** The text of the configuration; undefined when the directory, or we, have to go before there is one. */
async function firstConfig(options: BalancerOptions, directory: Directory): Promise<string | undefined> {
  const { awaitConfig, signal, clock } = options;
  const bell = new Bell();
  using _watch = directory.watchConfig(() => bell.ring());
  for (;;) {
    const text = await directory.read(balancerFiles.config);
    if (text !== undefined) return text;
    if (!awaitConfig) throw new UsageError(`${directory.file(balancerFiles.config)}: no such file`);
    if (!(await directory.exists())) return undefined;
    try {
      await bell.wait(signal, lookMs, clock);
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
      return undefined;
    }
  }
}

/** The hashes of the rulesets in the kernel; also finds out whether we may write any. */
async function rulesInForce(exec: Exec, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return readHashes((await listNftChain(exec, table.family, table.name, entryChain, { signal })) ?? "");
  } catch (error) {
    if (error instanceof ProgramFailedError && /not permitted/i.test(error.stderr))
      throw new FailureError("may not read or write netfilter rules; run as root or with CAP_NET_ADMIN");
    throw error;
  }
}

interface Beginning {
  readonly text: string;
  readonly config: BalancerConfig;
  /** Hashes of the rulesets that an earlier balancer left in the kernel. */
  readonly inForce: readonly string[];
}

class Balancer implements Disposable {
  readonly #options: BalancerOptions;
  readonly #directory: Directory;
  readonly #prober: Prober;
  readonly #metrics: ReturnType<typeof balancerMetrics>;
  readonly #bell = new Bell();
  readonly #retry = new Backoff({ baseMs: 200, capMs: 30_000 });
  #text: string;
  #config: BalancerConfig;
  /** Hashes of the rulesets in the kernel; undefined when that has to be found out. */
  #inForce: readonly string[] | undefined;
  /** Flows agree with this configuration and these rules. */
  #flowsInForce: string | undefined;
  #drains: Drains;
  #written: string | undefined;
  #rejected: string | undefined;

  constructor(options: BalancerOptions, directory: Directory, { text, config, inForce }: Beginning) {
    this.#options = options;
    this.#directory = directory;
    this.#text = text;
    this.#config = config;
    this.#inForce = inForce;
    this.#metrics = balancerMetrics(options.metrics);
    this.#drains = new Drains([], options.clock);
    this.#prober = new Prober({
      probe: options.probe,
      clock: options.clock,
      onChange: (node, { healthy, reason }) => {
        options.logger.info("target health changed", { node, what: healthy ? "healthy" : "unhealthy", reason });
        this.#bell.ring();
      },
    });
  }

  async run(): Promise<void> {
    const { logger, signal } = this.#options;
    using _watch = this.#directory.watchConfig(() => this.#bell.ring());
    try {
      await this.#begin();
      while (await this.#directory.exists()) await this.#bell.wait(signal, await this.#round(), this.#options.clock);
      logger.info("directory is gone, ending", { path: this.#directory.path });
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
      logger.info("stopped; the rules stay in the kernel", { path: this.#directory.path });
    }
  }

  async #begin(): Promise<void> {
    this.#written = await this.#directory.read(balancerFiles.status);
    const known = this.#inForce?.length === 0 ? undefined : parseBalancerStatus(this.#written ?? "");
    this.#drains = new Drains(known?.draining ?? [], this.#options.clock);
    this.#options.logger.info("balancer started", {
      path: this.#directory.path,
      what: known === undefined ? "new" : "adopted the rules of an earlier process",
      count: this.#config.targets.length,
    });
    this.#prober.update(this.#config, known?.targets);
    await this.#settle();
  }

  /** Brings everything up to date; returns how long nothing has to be done unless the bell rings. */
  async #round(): Promise<number> {
    try {
      await this.#readConfig();
      await this.#enforce();
      await this.#report(this.#rejected);
      this.#retry.reset();
      return Math.min(lookMs, this.#drains.nextMs(this.#drainMs) ?? lookMs);
    } catch (error) {
      if (isAbort(error, this.#options.signal)) throw error;
      const retryMs = this.#retry.next();
      this.#metrics.failures.inc();
      this.#options.logger.error("configuration is not in force", { err: error, retryMs });
      await this.#report(errorMessage(error));
      return retryMs;
    }
  }

  async #readConfig(): Promise<void> {
    const text = await this.#directory.read(balancerFiles.config);
    if (text === undefined) return;
    try {
      if (text !== this.#text) this.#config = parseBalancerConfig(text, this.#directory.file(balancerFiles.config));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      if (this.#rejected !== error.message)
        this.#options.logger.error("configuration rejected, the last one stays", { why: error.message });
      this.#rejected = error.message;
      return;
    }
    this.#rejected = undefined;
    if (text === this.#text) return;
    this.#text = text;
    this.#prober.update(this.#config);
    await this.#settle();
  }

  /** Gives new targets a moment to answer, so that they take part from the first ruleset on. */
  async #settle(): Promise<void> {
    const { clock, signal } = this.#options;
    const until = clock.monotonic() + settleMs;
    while (!this.#prober.settled && clock.monotonic() < until)
      await this.#bell.wait(signal, until - clock.monotonic(), clock);
    // Whoever rang meanwhile may have meant something else.
    this.#bell.ring();
  }

  async #enforce(): Promise<void> {
    const { exec, signal, logger, clock } = this.#options;
    const config = this.#config;
    const healthy = new Set(config.targets.map(({ name }) => name).filter((name) => this.#prober.health(name).healthy));
    const wanted = ruleset(config, healthy);
    const before = this.#inForce ?? (await rulesInForce(exec, signal));
    if (before.length !== 1 || before[0] !== wanted.hash) {
      const started = clock.monotonic();
      this.#inForce = undefined;
      for (const transaction of wanted.transactions(before)) await applyNft(exec, transaction, { signal });
      this.#inForce = [wanted.hash];
      this.#metrics.rulesets.inc();
      logger.info("rules replaced", {
        count: healthy.size,
        plan: wanted.hash,
        durationMs: Math.round(clock.monotonic() - started),
      });
    }
    const flowsInForce = `${wanted.hash} ${textHash(this.#text)}`;
    if (flowsInForce !== this.#flowsInForce) await this.#dropStaleFlows(healthy);
    if (flowsInForce !== this.#flowsInForce || this.#drains.nextMs(this.#drainMs) === 0) await this.#drain();
    this.#flowsInForce = flowsInForce;
  }

  /** UDP flows, and TCP connections that a dead target will never answer; those that are open stay where they are. */
  async #dropStaleFlows(healthy: ReadonlySet<string>): Promise<void> {
    const { exec, signal, logger } = this.#options;
    const config = this.#config;
    const counts = await Promise.all(
      familiesOf(config).map(async (family) => {
        const table = new Conntrack(exec, family);
        const [udp, opening] = await Promise.all([table.udpFlows(signal), table.openingFlows(signal)]);
        const sent = staleFlows(udp, "UDP", config, healthy);
        const unanswered = staleFlows(opening, "TCP", config, healthy);
        for (const flow of oneOfEach(sent)) await table.forgetAlike(flow, signal);
        for (const flow of oneOfEach(unanswered)) await table.forgetOpening(flow, signal);
        return sent.length + unanswered.length;
      }),
    );
    const count = counts.reduce((sum, each) => sum + each, 0);
    if (count === 0) return;
    this.#metrics.flowsDropped.inc(count);
    logger.info("flows to other targets forgotten", { count });
  }

  /** Open TCP connections to what is no longer wanted go on for some time; whether it is healthy does not matter. */
  async #drain(): Promise<void> {
    const { exec, signal, logger } = this.#options;
    const config = this.#config;
    const wanted = new Set(config.targets.map(({ name }) => name));
    const found = await Promise.all(
      familiesOf(config).map(async (family) => {
        const table = new Conntrack(exec, family);
        return staleFlows(await table.tcpFlows(signal), "TCP", config, wanted).map((flow) => ({ table, flow }));
      }),
    );
    const tableOf = new Map(found.flat().map(({ table, flow }) => [flow, table]));
    const over = this.#drains.look([...tableOf.keys()], this.#drainMs);
    for (const flow of oneOfEach(over)) await tableOf.get(flow)?.forgetTcp(flow, signal);
    if (over.length === 0) return;
    this.#metrics.connectionsCut.inc(over.length);
    logger.info("connections cut that had drained long enough", { count: over.length });
  }

  get #drainMs(): number {
    return this.#config.drainSeconds * 1000;
  }

  async #report(failure: string | undefined): Promise<void> {
    const targets = this.#config.targets.map(({ name }) => {
      const { healthy, reason } = this.#prober.health(name);
      return { name, healthy, reason };
    });
    const ready = targets.filter(({ healthy }) => healthy).length;
    this.#metrics.targets.set({ state: "healthy" }, ready);
    this.#metrics.targets.set({ state: "unhealthy" }, targets.length - ready);
    const applied = failure === undefined || failure === this.#rejected ? textHash(this.#text) : this.#lastApplied();
    const drains = this.#drains.report();
    const draining = drains.length === 0 ? undefined : drains;
    const text = renderBalancerStatus({ applied, targets, failure, draining });
    if (text === this.#written) return;
    await this.#directory.write(balancerFiles.status, text);
    this.#written = text;
  }

  #lastApplied(): string {
    return parseBalancerStatus(this.#written ?? "")?.applied ?? "";
  }

  [Symbol.dispose](): void {
    this.#prober[Symbol.dispose]();
  }
}

function familiesOf({ addresses }: BalancerConfig): readonly Family[] {
  return (["IPv4", "IPv6"] as const).filter((family) =>
    addresses.some((address) => address.includes(":") === (family === "IPv6")),
  );
}
