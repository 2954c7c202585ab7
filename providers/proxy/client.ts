import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { balancerFiles, parseBalancerStatus } from "../../src/balancer/config.ts";
import { assertNever, type Clock } from "../../src/base/index.ts";
import type { Exec } from "../../src/kernel/index.ts";
import type { LbIdentity } from "../../src/model/index.ts";
import { type RequestLimits, Requests, type StepResult } from "../../src/provider/index.ts";
import { namesIn, readText, replaceText } from "./files.ts";
import { type Names, namesOf } from "./names.ts";
import { Cabling, type Network } from "./network.ts";
import type { Action, Observation } from "./observation.ts";
import { ownerFile, parseOwner, renderOwner } from "./owner.ts";
import { configuredAddresses } from "./plan.ts";
import { ReportWatch } from "./report-watch.ts";
import { requestedExec } from "./requested-exec.ts";
import type { OwnedBalancer, Runtime } from "./runtime.ts";
import { Supervisor } from "./supervisor.ts";

export interface SystemRuntimeOptions {
  readonly stateDir: string;
  readonly clusterId: string;
  readonly network: Network;
  readonly balancerCommand: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly exec: Exec;
  /** Asked before whatever changes the machine; a text says why nothing may be changed any more. */
  readonly fence: () => string | undefined;
  readonly requestLimits?: RequestLimits | undefined;
  readonly clock: Clock;
}

const done: StepResult = { state: "done" };
const joining: StepResult = { state: "pending", what: "the bridge does not forward to it yet", pollAfterMs: 20 };

/** This machine: directories, network namespaces and processes. */
export class SystemRuntime implements Runtime {
  readonly #stateDir: string;
  readonly #clusterDir: string;
  readonly #cabling: Cabling;
  readonly #supervisor: Supervisor;
  readonly #watches = new Set<ReportWatch>();
  readonly #clock: Clock;
  readonly #requests: Requests;

  constructor({ stateDir, clusterId, network, balancerCommand, environment, ...options }: SystemRuntimeOptions) {
    const { exec, fence, requestLimits, clock } = options;
    this.#stateDir = stateDir;
    this.#clock = clock;
    this.#clusterDir = join(stateDir, clusterId);
    this.#requests = new Requests({ ...requestLimits, fence, clock });
    const reads = requestedExec(exec, this.#requests, "read");
    this.#cabling = new Cabling(reads, requestedExec(exec, this.#requests, "write"), network);
    this.#supervisor = new Supervisor({ command: balancerCommand, environment, clock });
  }

  async observe(id: LbIdentity, signal: AbortSignal): Promise<Observation> {
    const names = namesOf(this.#stateDir, id);
    const [owner, network, config, process, status] = await Promise.all([
      readText(join(names.directory, ownerFile)),
      this.#cabling.observe(names, signal),
      readText(join(names.directory, balancerFiles.config)),
      this.#supervisor.observe(names),
      readText(join(names.directory, balancerFiles.status)),
    ]);
    return { owner: parseOwner(owner ?? ""), network, config, process, status: parseBalancerStatus(status ?? "") };
  }

  async apply(action: Action, signal: AbortSignal): Promise<StepResult> {
    const { id } = action;
    const names = namesOf(this.#stateDir, id);
    switch (action.kind) {
      case "claim":
        return this.#claim(id, names, signal);
      case "retain": {
        const path = join(names.directory, ownerFile);
        await this.#write(`write ${path}`, signal, () => replaceText(path, renderOwner({ ...id, retained: true })));
        return done;
      }
      case "configure": {
        const path = join(names.directory, balancerFiles.config);
        await this.#write(`write ${path}`, signal, () => replaceText(path, action.text));
        return done;
      }
      case "connect":
        return (await this.#cabling.connect(names, action.addresses, action.mac, signal)) ? done : joining;
      case "start":
        return this.#write("start the balancer", signal, () => this.#supervisor.start(names));
      case "stop":
        return this.#stop(names, signal);
      case "disconnect":
        await this.#cabling.disconnect(names, signal);
        return done;
      case "release":
        return this.#release(id, names, signal);
      default:
        return assertNever(action, "action");
    }
  }

  async *owned(clusterId: string): AsyncIterable<OwnedBalancer> {
    for (const uid of await namesIn(join(this.#stateDir, clusterId))) {
      const { directory } = namesOf(this.#stateDir, { clusterId, uid });
      const owner = parseOwner((await readText(join(directory, ownerFile))) ?? "");
      if (owner === undefined) continue;
      const { retained = false, ...id } = owner;
      const addresses = configuredAddresses(await readText(join(directory, balancerFiles.config)));
      yield { id, directory, retained, addresses };
    }
  }

  watch(onReport: (id: LbIdentity) => void): Disposable {
    const watch = new ReportWatch(this.#clusterDir, this.#clock, (uid) => void this.#report(uid, onReport));
    this.#watches.add(watch);
    void this.#watchExisting(watch);
    return {
      [Symbol.dispose]: () => {
        this.#watches.delete(watch);
        watch[Symbol.dispose]();
      },
    };
  }

  async #watchExisting(watch: ReportWatch): Promise<void> {
    const uids = await namesIn(this.#clusterDir);
    if (this.#watches.has(watch)) for (const uid of uids) watch.add(uid);
  }

  async #report(uid: string, onReport: (id: LbIdentity) => void): Promise<void> {
    const id = parseOwner((await readText(join(this.#clusterDir, uid, ownerFile))) ?? "");
    if (id !== undefined) onReport(id);
  }

  async #claim(id: LbIdentity, { directory }: Names, signal: AbortSignal): Promise<StepResult> {
    await this.#write(`make ${directory}`, signal, () => mkdir(directory, { recursive: true }));
    const path = join(directory, ownerFile);
    await this.#write(`write ${path}`, signal, () => replaceText(path, renderOwner(id)));
    for (const watch of this.#watches) watch.add(id.uid);
    return done;
  }

  async #release({ uid }: LbIdentity, names: Names, signal: AbortSignal): Promise<StepResult> {
    // One that was only just started had not written its pid when the plan was made.
    const stopped = await this.#stop(names, signal);
    if (stopped.state !== "done") return stopped;
    for (const watch of this.#watches) watch.remove(uid);
    const { directory } = names;
    await this.#write(`remove ${directory}`, signal, () => rm(directory, { recursive: true, force: true }));
    return done;
  }

  #stop(names: Names, signal: AbortSignal): Promise<StepResult> {
    return this.#write("stop the balancer", signal, () => this.#supervisor.stop(names));
  }

  #write<T>(what: string, signal: AbortSignal, change: () => Promise<T>): Promise<T> {
    return this.#requests.send("write", what, signal, change);
  }
}
