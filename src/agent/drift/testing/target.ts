import type { Family } from "../../../net/index.ts";
import type { RuleProgram } from "../../plan/index.ts";
import type { DriftTarget } from "../checker.ts";

/** A node that has written this program in these families. */
export function targetOf(program: RuleProgram, families: readonly Family[] = ["IPv4"]): DriftTarget {
  return {
    kernels: families.map((family) => ({
      family,
      applier: {
        program,
        knowsKernel: true,
        repair: () => Promise.reject(new Error("nothing is repaired here")),
      },
      exclusively: (run) => run(),
    })),
    programmed: Promise.resolve(),
  };
}
