import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "../child.ts";
import { Normaliser } from "../normalise.ts";
import { Captured } from "../steps.ts";
import { Transcript } from "../transcript.ts";
import { type Step, splitWords } from "./step.ts";

export const kubectlPath: string = new URL("../../../.tools/kubectl", import.meta.url).pathname;

/** How the log of kubectl tells that a command watches, or (`wait --for=create`) has not found what it polls for. */
const watching = /watch=true.*status="200 OK"|status="404 Not Found"/;

/** One command of the transcript, as it was written: with `${name}` for what an earlier one captured. */
export interface Entry extends Outcome {
  readonly command: string;
  readonly stdin?: string;
}

interface Outcome {
  /** Null when it did not end in time and was killed. */
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const kubectlTranscript: Transcript<Entry> = new Transcript<Entry>(new URL("testdata/", import.meta.url), {
  exit: 0,
  stdout: "",
  stderr: "",
});

/** Runs the script with the real kubectl as the administrator that the kubeconfig names, in namespace `shop`. */
export async function runScript(script: readonly Step[], kubeconfig: string): Promise<Entry[]> {
  await using run = new Run(await mkdtemp(join(tmpdir(), "berth-kubectl-")));
  await run.configure(kubeconfig);
  await run.steps(script);
  const normaliser = new Normaliser();
  return run.outcomes.map(({ step, outcome }) => {
    const clean = normaliser.next();
    return {
      command: step.command,
      ...(step.stdin !== undefined && { stdin: step.stdin }),
      exit: outcome.exit,
      stdout: filterLines(clean(outcome.stdout), step.keep),
      stderr: clean(outcome.stderr),
    };
  });
}

function filterLines(text: string, keep: RegExp | undefined): string {
  if (keep === undefined) return text;
  const lines = text.split(/(?<=\n)/);
  return lines.filter((line) => keep.test(line.trimEnd())).join("");
}

class Run implements AsyncDisposable {
  /** In the order in which the commands ended. */
  readonly outcomes: { readonly step: Step; readonly outcome: Outcome }[] = [];
  readonly #home: string;
  readonly #captured = new Captured();

  constructor(home: string) {
    this.#home = home;
  }

  async configure(kubeconfig: string): Promise<void> {
    await cp(kubeconfig, join(this.#home, "kubeconfig"));
    await using command = this.#start({ command: "kubectl config set-context --current --namespace=shop" });
    await command.end();
  }

  async steps(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#runUntil(step);
    }
  }

  /** The first outcome that says what is waited for; the last one when none does in time. */
  async #runUntil(step: Step): Promise<void> {
    const limit = performance.now() + 30_000;
    for (;;) {
      const outcome = await this.#run(step);
      const isSaid = step.until === undefined || step.until.test(outcome.stdout + outcome.stderr);
      if (isSaid || performance.now() > limit) {
        this.outcomes.push({ step, outcome });
        return;
      }
    }
  }

  async #run(step: Step): Promise<Outcome> {
    await using command = this.#start(step);
    if (step.during !== undefined) {
      await command.happens(({ stderr }) => watching.test(stderr));
      await this.steps(step.during);
    }
    const { lines } = step;
    if (lines !== undefined && (await command.happens(({ stdout }) => stdout.split("\n").length > lines))) {
      command.signal("SIGTERM");
    }
    const exit = await command.end();
    const { stdout, stderr } = command;
    if (step.capture !== undefined) this.#captured.set(step.capture, stdout.trim().replace(/^\w+=/, ""));
    return { exit, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }

  #start(step: Step): Child {
    const [, ...words] = splitWords(step.command).map((word) => this.#captured.fill(word));
    // Where others act beside the command, its log says when it watches.
    return new Child(kubectlPath, step.during === undefined ? words : [...words, "-v=6"], {
      environment: {
        HOME: this.#home,
        KUBECONFIG: join(this.#home, "kubeconfig"),
        KUBE_EDITOR: `sed -i -e '${step.sed ?? ""}'`,
        PATH: "/usr/bin:/bin",
        TZ: "UTC",
      },
      stdin: this.#captured.fill(step.stdin ?? ""),
    });
  }
}
