// A network namespace of this machine for each load balancer, with a cable to a bridge. Balancers are processes that
// outlive us, and the rules that they wrote outlive them.
import { join } from "node:path";
import { balancerFiles } from "../../../../src/balancer/config.ts";
import type { Clock } from "../../../../src/base/index.ts";
import { type Exec, isRunning, parseProcess } from "../../../../src/kernel/index.ts";
import type { Requests, StepResult } from "../../../../src/provider/index.ts";
import { readText } from "../../files.ts";
import type { Names } from "../../names.ts";
import { requestedExec } from "../../requested-exec.ts";
import type { Engine, Place, PlaceState } from "../engine.ts";
import { Cabling, type Network } from "./network.ts";
import { Supervisor } from "./supervisor.ts";

export { checkMachine, networkOf } from "./machine.ts";
export type { Network } from "./network.ts";

export interface NamespaceEngineOptions {
  readonly network: Network;
  readonly balancerCommand: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly exec: Exec;
  readonly clock: Clock;
}

const done: StepResult = { state: "done" };
const joining: StepResult = { state: "pending", what: "the bridge does not forward to it yet", pollAfterMs: 20 };

export class NamespaceEngine implements Engine {
  readonly #cabling: Cabling;
  readonly #supervisor: Supervisor;
  readonly #requests: Requests;

  constructor({ network, balancerCommand, environment, exec, clock }: NamespaceEngineOptions, requests: Requests) {
    const reads = requestedExec(exec, requests, "read");
    this.#requests = requests;
    this.#cabling = new Cabling(reads, requestedExec(exec, requests, "write"), network);
    this.#supervisor = new Supervisor({ command: balancerCommand, environment, clock });
  }

  async observe({ names }: Place, signal: AbortSignal): Promise<PlaceState> {
    const [network, process] = await Promise.all([
      this.#cabling.observe(names, signal),
      this.#supervisor.observe(names),
    ]);
    return { network, process };
  }

  async connect({ names }: Place, addresses: readonly string[], mac: string, signal: AbortSignal): Promise<StepResult> {
    return (await this.#cabling.connect(names, addresses, mac, signal)) ? done : joining;
  }

  start({ names }: Place, signal: AbortSignal): Promise<StepResult> {
    return this.#requests.send("write", "start the balancer", signal, (_, check) =>
      this.#supervisor.start(names, check),
    );
  }

  stop({ names }: Place, signal: AbortSignal): Promise<StepResult> {
    return this.#requests.send("write", "stop the balancer", signal, (_, check) => this.#supervisor.stop(names, check));
  }

  disconnect({ names }: Place, signal: AbortSignal): Promise<void> {
    return this.#cabling.disconnect(names, signal);
  }

  /** A namespace does not say whose it is. */
  async owned(): Promise<[]> {
    return [];
  }

  async ended(names: readonly Names[]): Promise<readonly Names[]> {
    const found = await Promise.all(
      names.map(async ({ directory }) => {
        const id = parseProcess((await readText(join(directory, balancerFiles.pid))) ?? "");
        // One that has only just been started has not written it yet.
        return id !== undefined && !isRunning(id);
      }),
    );
    return names.filter((_, i) => found[i]);
  }
}
