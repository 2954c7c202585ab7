import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const check = new URL("check.ts", import.meta.url).pathname;
const noEngine = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
const install = {
  docker: "docker is missing: install Docker Engine (https://docs.docker.com/engine/install/)",
  kind: "kind is missing: install kind (https://kind.sigs.k8s.io/docs/user/quick-start/#installation)",
};
const asked = "'docker version --format={{.Server.Version}}'";
const mend = "start Docker's engine, or let $DOCKER_HOST or 'docker context use' name one that you may use";
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-kind-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Only these programs are on PATH, as shell scripts. */
function checked(programs: Readonly<Record<string, string>>): { status: number | null; stderr: string } {
  for (const [name, script] of Object.entries(programs))
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const { status, stderr } = spawnSync(process.execPath, [check], { encoding: "utf8", env: { PATH: directory } });
  return { status, stderr };
}

it.each([
  ["neither Docker nor kind", {}, `${install.docker}; ${install.kind}`],
  [
    "a Docker client without an engine",
    { docker: `echo "${noEngine}" >&2; exit 1`, kind: "exit 0" },
    `${asked} says "${noEngine}": ${mend}`,
  ],
  ["no kind", { docker: "echo 29.1.0" }, install.kind],
])("says what to do where there is %s", (_, programs, message) => {
  expect(checked(programs)).toEqual({ status: 1, stderr: `requirements: e2e-kind cannot run here: ${message}\n` });
});

it("says nothing where both work", () => {
  expect(checked({ docker: "echo 29.1.0", kind: "echo kind v0.31.0" })).toEqual({ status: 0, stderr: "" });
});
