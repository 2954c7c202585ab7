import { join } from "node:path";
import { copyKubeconfig, type Program, type Sandbox } from "../../sandbox/cluster/index.ts";
import { type ApiProxy, startApiProxy } from "../tools/api-proxy.ts";
import type { ProviderPrograms } from "../tools/provider-programs.ts";
import { Gate } from "./gate.ts";
import type { Happening, Moment } from "./judge.ts";
import { momentOfStart } from "./looks.ts";
import type { Witness } from "./witness.ts";

export interface RivalOptions {
  readonly name: string;
  readonly sandbox: Sandbox;
  readonly program: Program;
  /** On the program's PATH. */
  readonly programs: ProviderPrograms;
  /** Of the program; written before each start. */
  readonly kubeconfig: string;
  readonly witness: Witness;
}

/** One life of a rival's process, and who stands before its API server. */
export interface Life {
  readonly holder: string;
  readonly gate: Gate;
  readonly proxy: ApiProxy;
  readonly program: Program;
}

/** A controller that is started again whenever it ends, each time with a witness of its own. */
export class Rival implements AsyncDisposable {
  readonly #options: RivalOptions;
  readonly #lives: (Life & { readonly begun: Moment; pid: number })[] = [];
  /** A request may arrive after its sender has ended. */
  readonly #proxies = new AsyncDisposableStack();

  constructor(options: RivalOptions) {
    this.#options = options;
  }

  /** One for each start. */
  get lives(): readonly Life[] {
    return this.#lives;
  }

  /** Runs until aborted, and then on: the sandbox ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const { program } = this.#options;
    while (!signal.aborted) {
      await this.#start();
      await program.exited;
    }
  }

  /** What its programs have changed, each as the deed of the life that began it. */
  changes(): readonly Happening[] {
    return this.#options.programs.calls().map(({ startedAt, parent, command }) => {
      const at = momentOfStart(startedAt);
      const life =
        this.#lives.findLast(({ pid, begun }) => pid === parent && begun.from <= at.to) ??
        // Who had ended when its program came to run was not that which followed.
        this.#lives.findLast(({ begun }) => begun.to < at.from);
      return { kind: "changed", holder: life?.holder ?? this.#options.name, at, what: command };
    });
  }

  async #start(): Promise<void> {
    const { name, sandbox, program, kubeconfig, witness } = this.#options;
    const holder = `${name}${this.#lives.length + 1}`;
    const gate = new Gate();
    const proxy = this.#proxies.use(
      await startApiProxy({
        socketPath: join(sandbox.runDir, "api.sock"),
        before(request) {
          witness.arrived(holder, request);
          return gate.before(request);
        },
        async after(request, status) {
          witness.answered(holder, request, status);
          await gate.after(request);
        },
      }),
    );
    await copyKubeconfig(join(sandbox.runDir, "controller.kubeconfig"), kubeconfig, proxy.url);
    const life = { holder, gate, proxy, program, begun: witness.now(), pid: 0 };
    this.#lives.push(life);
    await program.start();
    life.pid = program.pid ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#proxies.disposeAsync();
  }
}
