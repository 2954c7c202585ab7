import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { balancerFiles, parseBalancerStatus } from "../../src/balancer/config.ts";
import { assertNever, type Clock } from "../../src/base/index.ts";
import type { LbIdentity } from "../../src/model/index.ts";
import { type RequestLimits, Requests, type StepResult } from "../../src/provider/index.ts";
import type { Engine, Place } from "./engines/engine.ts";
import { draftOf, holdsAtMost, namesIn, readText, removeDirectory, replaceText } from "./files.ts";
import { namesOf } from "./names.ts";
import type { Action, Observation } from "./observation.ts";
import { ownerFile, parseOwner, renderOwner } from "./owner.ts";
import { configuredAddresses } from "./plan.ts";
import { ReportWatch } from "./report-watch.ts";
import type { OwnedBalancer, Runtime } from "./runtime.ts";

export interface SystemRuntimeOptions {
  readonly stateDir: string;
  readonly clusterId: string;
  readonly engine: (requests: Requests) => Engine;
  /** Asked before whatever changes the machine; a text says why nothing may be changed any more. */
  readonly fence: () => string | undefined;
  readonly requestLimits?: RequestLimits | undefined;
  readonly clock: Clock;
}

const done: StepResult = { state: "done" };

/** Directories of this machine, and what an engine makes beside them. */
export class SystemRuntime implements Runtime {
  readonly #stateDir: string;
  readonly #clusterId: string;
  readonly #clusterDir: string;
  readonly #engine: Engine;
  readonly #watches = new Set<ReportWatch>();
  readonly #clock: Clock;
  readonly #requests: Requests;

  constructor({ stateDir, clusterId, engine, fence, requestLimits, clock }: SystemRuntimeOptions) {
    this.#stateDir = stateDir;
    this.#clock = clock;
    this.#clusterId = clusterId;
    this.#clusterDir = join(stateDir, clusterId);
    this.#requests = new Requests({ ...requestLimits, fence, clock });
    this.#engine = engine(this.#requests);
  }

  async observe(id: LbIdentity, signal: AbortSignal): Promise<Observation> {
    const place = this.#placeOf(id);
    const { directory } = place.names;
    const [owner, unclaimed, made, config, status] = await Promise.all([
      readText(join(directory, ownerFile)),
      holdsAtMost(directory, draftOf(ownerFile)),
      this.#engine.observe(place, signal),
      readText(join(directory, balancerFiles.config)),
      readText(join(directory, balancerFiles.status)),
    ]);
    return { owner: parseOwner(owner ?? ""), unclaimed, ...made, config, status: parseBalancerStatus(status ?? "") };
  }

  async apply(action: Action, signal: AbortSignal): Promise<StepResult> {
    const { id } = action;
    const place = this.#placeOf(id);
    switch (action.kind) {
      case "claim":
        return this.#claim(place, signal);
      case "retain":
        return this.#replace(place, ownerFile, renderOwner({ ...id, retained: true }), signal);
      case "configure":
        return this.#replace(place, balancerFiles.config, action.text, signal);
      case "connect":
        return this.#engine.connect(place, action.addresses, action.mac, signal);
      case "start":
        return this.#engine.start(place, signal);
      case "stop":
        return this.#engine.stop(place, signal);
      case "disconnect":
        await this.#engine.disconnect(place, signal);
        return done;
      case "release":
        return this.#release(place, signal);
      default:
        return assertNever(action, "action");
    }
  }

  async *owned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedBalancer> {
    const found = new Set<string>();
    for (const uid of await namesIn(join(this.#stateDir, clusterId))) {
      const { directory } = namesOf(this.#stateDir, { clusterId, uid });
      const owner = parseOwner((await readText(join(directory, ownerFile))) ?? "");
      if (owner === undefined) continue;
      const { retained = false, ...id } = owner;
      const addresses = configuredAddresses(await readText(join(directory, balancerFiles.config)));
      found.add(uid);
      yield { id, directory, retained, addresses };
    }
    for (const id of await this.#engine.owned(clusterId, signal))
      if (!found.has(id.uid))
        yield { id, directory: this.#placeOf(id).names.directory, retained: false, addresses: [] };
  }

  watch(onReport: (id: LbIdentity) => void): Disposable {
    const watch = new ReportWatch({
      root: this.#clusterDir,
      clock: this.#clock,
      ended: (names, signal) => this.#ended(names, signal),
      onReport: (uid) => void this.#report(uid, onReport),
    });
    this.#watches.add(watch);
    void this.#watchExisting(watch);
    return {
      [Symbol.dispose]: () => {
        this.#watches.delete(watch);
        watch[Symbol.dispose]();
      },
    };
  }

  async #ended(uids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const names = new Map(uids.map((uid) => [uid, namesOf(this.#stateDir, { clusterId: this.#clusterId, uid })]));
    const ended = new Set(await this.#engine.ended([...names.values()], signal));
    return [...names].filter(([, each]) => ended.has(each)).map(([uid]) => uid);
  }

  async #watchExisting(watch: ReportWatch): Promise<void> {
    const uids = await namesIn(this.#clusterDir);
    if (this.#watches.has(watch)) for (const uid of uids) watch.add(uid);
  }

  async #report(uid: string, onReport: (id: LbIdentity) => void): Promise<void> {
    const id = parseOwner((await readText(join(this.#clusterDir, uid, ownerFile))) ?? "");
    if (id !== undefined) onReport(id);
  }

  async #claim(place: Place, signal: AbortSignal): Promise<StepResult> {
    const { id, names } = place;
    await this.#write(`make ${names.directory}`, signal, () => mkdir(names.directory, { recursive: true }));
    await this.#replace(place, ownerFile, renderOwner(id), signal);
    for (const watch of this.#watches) watch.add(id.uid);
    return done;
  }

  async #release(place: Place, signal: AbortSignal): Promise<StepResult> {
    // One that was only just started had not written its pid when the plan was made.
    const stopped = await this.#engine.stop(place, signal);
    if (stopped.state !== "done") return stopped;
    for (const watch of this.#watches) watch.remove(place.id.uid);
    const { directory } = place.names;
    // As long as anything is left of it, it is known to be ours.
    await this.#write(`remove ${directory}`, signal, () => removeDirectory(directory, ownerFile));
    return done;
  }

  async #replace({ names }: Place, file: string, text: string, signal: AbortSignal): Promise<StepResult> {
    const path = join(names.directory, file);
    await this.#write(`write ${path}`, signal, (check) => replaceText(path, text, check));
    return done;
  }

  #placeOf(id: LbIdentity): Place {
    return { id, names: namesOf(this.#stateDir, id) };
  }

  #write<T>(what: string, signal: AbortSignal, change: (check: () => void) => Promise<T>): Promise<T> {
    return this.#requests.send("write", what, signal, (_, check) => change(check));
  }
}
