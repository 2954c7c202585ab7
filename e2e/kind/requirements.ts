import { FailureError } from "../../src/base/index.ts";
import { type Exec, type ExecResult, ProgramMissingError } from "../../src/kernel/index.ts";

const patienceMs = 30_000;

interface Requirement {
  readonly program: string;
  readonly args: readonly string[];
  /** Where the program comes from. */
  readonly install: string;
  /** What is to do when it is there and fails. */
  readonly mend: string;
}

const requirements: readonly Requirement[] = [
  {
    program: "docker",
    // Its client alone answers `docker --version`.
    args: ["version", "--format={{.Server.Version}}"],
    install: "install Docker Engine (https://docs.docker.com/engine/install/)",
    mend: "start Docker's engine, or let $DOCKER_HOST or 'docker context use' name one that you may use",
  },
  {
    program: "kind",
    args: ["version"],
    install: "install kind (https://kind.sigs.k8s.io/docs/user/quick-start/#installation)",
    mend: "install kind again",
  },
];

/** Throws a FailureError that names all that the machine lacks for a cluster of kind, with what is to do. */
export async function checkRequirements(exec: Exec): Promise<void> {
  const lacks: string[] = [];
  for (const requirement of requirements) {
    const lack = await lackOf(requirement, exec);
    if (lack !== undefined) lacks.push(lack);
  }
  if (lacks.length > 0) throw new FailureError(`e2e-kind cannot run here: ${lacks.join("; ")}`);
}

async function lackOf({ program, args, install, mend }: Requirement, exec: Exec): Promise<string | undefined> {
  let result: ExecResult;
  try {
    result = await exec.run(program, args, { signal: AbortSignal.timeout(patienceMs) });
  } catch (error) {
    if (error instanceof ProgramMissingError) return `${program} is missing: ${install}`;
    throw error;
  }
  const said = (result.stderr.trim() || result.stdout.trim()).replaceAll("\n", " ");
  if (result.code === 0) return undefined;
  return `'${program} ${args.join(" ")}' says "${said}": ${mend}`;
}
