import { existsSync } from "node:fs";
import { FailureError } from "../../src/base/index.ts";

const folder = new URL("../kube-binaries/bin/", import.meta.url).pathname;

/** One that `e2e/kube-binaries/build` makes; throws where it was not. */
export function programPath(name: string): string {
  const path = `${folder}${name}`;
  if (!existsSync(path))
    throw new FailureError(`${path} is missing; run e2e/kube-binaries/build, and build cluster (needs Go)`);
  return path;
}
