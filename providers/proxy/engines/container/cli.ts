import { type Exec, type ExecResult, ProgramFailedError } from "../../../../src/kernel/index.ts";
import { ProviderError } from "../../../../src/provider/index.ts";
import { failureOf, isMissing } from "./failures.ts";
import { type Container, type ContainerNetwork, parseContainers, parseNetworks } from "./inspect.ts";
import type { ContainerSettings } from "./settings.ts";

/** The commands of Docker and Podman that we need, with what they answer. Throws what `failureOf` makes of a failure. */
export class ContainerCli {
  readonly #settings: ContainerSettings;
  readonly #reads: Exec;
  readonly #writes: Exec;

  /** `reads` runs the commands that only look, `writes` those that change something. */
  constructor(settings: ContainerSettings, reads: Exec, writes: Exec) {
    this.#settings = settings;
    this.#reads = reads;
    this.#writes = writes;
  }

  async find(name: string, signal: AbortSignal): Promise<Container | undefined> {
    return (await this.#inspect([name], signal))[0];
  }

  /** All that bear this label, in whatever state. */
  async labelled(label: string, signal: AbortSignal): Promise<readonly Container[]> {
    const args = ["ps", "--all", "--quiet", "--no-trunc", "--filter", `label=${label}`];
    const ids = words(await this.#look(args, signal));
    return ids.length === 0 ? [] : await this.#inspect(ids, signal);
  }

  /** The names of those that bear this label and run. */
  async running(label: string, signal: AbortSignal): Promise<readonly string[]> {
    const filters = ["--filter", `label=${label}`, "--filter", "status=running"];
    return words(await this.#look(["ps", ...filters, "--format", "{{.Names}}"], signal));
  }

  async network(signal: AbortSignal): Promise<ContainerNetwork> {
    const [network] = parseNetworks(await this.#look(["network", "inspect", this.#settings.network], signal));
    if (network === undefined) throw new Error(`network ${this.#settings.network}: no description`);
    return network;
  }

  /** Throws when there is no such image here: nothing is ever pulled behind anybody's back. */
  async image(signal: AbortSignal): Promise<void> {
    await this.#look(["image", "inspect", "--format", "{{.Id}}", this.#settings.image], signal);
  }

  /** `options` are those of `create`; the image's command gets the arguments. */
  async create(options: readonly string[], args: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#change(["create", "--pull", "never", ...options, this.#settings.image, ...args], signal);
  }

  async start(name: string, signal: AbortSignal): Promise<void> {
    await this.#change(["start", name], signal);
  }

  /** Harmless when it does not run, or is not there. */
  async stop(name: string, graceSeconds: number, signal: AbortSignal): Promise<void> {
    await this.#change(["stop", "-t", `${graceSeconds}`, name], signal, isMissing);
  }

  /** Whether it runs or not; harmless when it is not there. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.#change(["rm", "--force", "--volumes", name], signal, isMissing);
  }

  /** The last that it said. */
  async lastWords(name: string, signal: AbortSignal): Promise<string> {
    const { stdout, stderr } = await this.#run(this.#reads, ["logs", "--tail", "1", name], signal);
    return stderr.trim() || stdout.trim();
  }

  /** Those of them that there are. */
  async #inspect(names: readonly string[], signal: AbortSignal): Promise<readonly Container[]> {
    const { stdout } = await this.#run(this.#reads, ["container", "inspect", ...names], signal, isMissing);
    return parseContainers(stdout);
  }

  async #look(args: readonly string[], signal: AbortSignal): Promise<string> {
    return (await this.#run(this.#reads, args, signal)).stdout;
  }

  async #change(
    args: readonly string[],
    signal: AbortSignal,
    harmless: (stderr: string) => boolean = () => false,
  ): Promise<void> {
    await this.#run(this.#writes, args, signal, harmless);
  }

  async #run(
    exec: Exec,
    args: readonly string[],
    signal: AbortSignal,
    harmless: (stderr: string) => boolean = () => false,
  ): Promise<ExecResult> {
    const { program } = this.#settings;
    const result = await exec.run(program, args, { signal });
    if (result.code === 0 || harmless(result.stderr)) return result;
    throw failureOf(this.#settings, new ProgramFailedError(program, args, result));
  }
}

/** The remedy of a failure that only a person can mend. */
export function remedyOf(error: unknown): string | undefined {
  return error instanceof ProviderError && error.fault.kind === "blocked" ? error.fault.remedy : undefined;
}

function words(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => line.trim() || []);
}
