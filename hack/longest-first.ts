// The order of test files: on a machine without results of earlier runs Vitest takes a large file for a long one.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Small files that take long, as what they run is elsewhere. Begun last they would keep one worker busy alone. */
const long = [
  "e2e/contract/kubectl/replay.conformance.test.ts",
  "e2e/contract/kubectl/replay.test.ts",
  "e2e/real/scenarios.real.test.ts",
  "e2e/scenarios/set.test.ts",
];

/** Begins, in each project, with the files that are known to take long. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => long.some((path) => moduleId.endsWith(path));
    return [...Map.groupBy(sorted, ({ project }) => project.name).values()].flatMap((ofProject) => [
      ...ofProject.filter(isLong),
      ...ofProject.filter((file) => !isLong(file)),
    ]);
  }
}
