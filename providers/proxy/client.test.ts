import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { balancerFiles } from "../../src/balancer/config.ts";
import { FakeClock } from "../../src/base/fake-clock.ts";
import { systemClock } from "../../src/base/index.ts";
import { type Exec, findProcess, formatProcess } from "../../src/kernel/index.ts";
import { NotSentError } from "../../src/provider/index.ts";
import { SystemRuntime, type SystemRuntimeOptions } from "./client.ts";
import { NamespaceEngine } from "./engines/namespace/index.ts";
import { removeDirectory } from "./files.ts";
import type { Action } from "./observation.ts";

const { signal } = new AbortController();
const id = { clusterId: "cluster-1", uid: "uid-1", namespace: "default", name: "web" };
const connect: Action = { kind: "connect", id, addresses: ["10.99.0.5/16"], mac: "02:00:00:00:00:01" };

let stateDir: string;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "berth-client-"));
});

afterEach(() => rm(stateDir, { recursive: true }));

it("rule 4: a program that hangs is left behind after 10 s", async () => {
  const clock = new FakeClock();
  const signals: AbortSignal[] = [];
  const exec: Exec = {
    run: (_, __, options) => {
      signals.push(options.signal);
      return new Promise(() => {});
    },
  };
  const fence = (): undefined => undefined;
  const runtime = runtimeWith(exec, { fence, clock });
  const refused = expect(runtime.apply(connect, signal)).rejects.toThrow(
    /^ip netns add .*: no answer within 10000 ms$/,
  );
  while (signals.length === 0) await new Promise(setImmediate);
  await clock.run(10_000);
  await refused;
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

it("rule 5: no program that changes something runs, and no file is written, once the fence says no", async () => {
  const link = { ifname: "x", operstate: "UP", flags: ["UP"], address: "02:00:00:00:00:02", addr_info: [] };
  for (let allowed = 0; ; allowed++) {
    let left = allowed;
    const changed: string[] = [];
    const exec: Exec = {
      async run(program, args) {
        const reads = args.includes("-j");
        if (!reads) changed.push([program, ...args].join(" "));
        return { code: 0, stdout: reads ? JSON.stringify([link]) : "", stderr: "" };
      },
    };
    const fence = (): string | undefined => (left-- > 0 ? undefined : "the lease is gone");
    const runtime = runtimeWith(exec, { fence, clock: systemClock });
    const error = await runtime.apply(connect, signal).catch((cause: unknown) => cause);
    expect(changed.length).toBe(Math.min(allowed, 6));
    if (!(error instanceof NotSentError)) break;
    for (const kind of ["claim", "start", "stop", "disconnect", "release"] as const)
      await expect(runtime.apply({ kind, id }, signal)).rejects.toThrow(NotSentError);
    await expect(runtime.apply({ kind: "configure", id, text: "" }, signal)).rejects.toThrow(NotSentError);
    expect([changed.length, await readdir(stateDir)]).toEqual([allowed, []]);
  }
});

/** Says yes once: when the request begins, and no more when it has looked at what there is. */
function fenceOnce(): () => string | undefined {
  let left = 1;
  return () => (left-- > 0 ? undefined : "the lease is gone");
}

it("rule 5: who stood still while it looked at the files changes nothing afterwards", async () => {
  const exec: Exec = { run: () => Promise.reject(new Error("runs nothing")) };
  const apply = (action: Action, fence: () => string | undefined): Promise<unknown> =>
    runtimeWith(exec, { fence, clock: systemClock }).apply(action, signal);
  await apply({ kind: "claim", id }, () => undefined);
  const directory = join(stateDir, id.clusterId, id.uid);
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = once(child, "exit");
  try {
    await once(child, "spawn");
    await expect(apply({ kind: "configure", id, text: "" }, fenceOnce())).rejects.toThrow(NotSentError);
    expect(await readdir(directory)).not.toContain(balancerFiles.config);
    await expect(apply({ kind: "start", id }, fenceOnce())).rejects.toThrow(NotSentError);

    const process = findProcess(child.pid ?? 0);
    if (process === undefined) throw new Error("sleep does not run");
    await writeFile(join(directory, balancerFiles.pid), formatProcess(process));
    await expect(apply({ kind: "stop", id }, fenceOnce())).rejects.toThrow(NotSentError);
    await apply({ kind: "stop", id }, () => undefined);
    expect(await ended).toEqual([null, "SIGTERM"]);
  } finally {
    child.kill("SIGKILL");
  }
});

it("what a claim or a release leaves that was cut short is seen, and what holds anything else is left alone", async () => {
  const exec: Exec = { run: async () => ({ code: 0, stdout: "[]", stderr: "" }) };
  const runtime = runtimeWith(exec, { fence: () => undefined, clock: systemClock });
  const directory = join(stateDir, id.clusterId, id.uid);
  const unclaimed = async (): Promise<boolean | undefined> => (await runtime.observe(id, signal)).unclaimed;
  expect(await unclaimed()).toBe(false);
  // The fence lets the directory be made, and the owner be written but not put in place.
  let left = 2;
  const halfway = runtimeWith(exec, { fence: () => (left-- > 0 ? undefined : "gone"), clock: systemClock });
  await expect(halfway.apply({ kind: "claim", id }, signal)).rejects.toThrow(NotSentError);
  expect([await unclaimed(), await readdir(directory)]).toEqual([true, ["owner.json.new"]]);
  await writeFile(join(directory, "notes"), "");
  expect(await unclaimed()).toBe(false);
  await runtime.apply({ kind: "claim", id }, signal);
  expect(await unclaimed()).toBe(false);
  await runtime.apply({ kind: "release", id }, signal);
  expect(await readdir(join(stateDir, id.clusterId))).toEqual([]);
});

it("a release takes the owner away last", async () => {
  const directory = join(stateDir, "lb");
  await mkdir(directory);
  const gone: string[] = [];
  for (const name of ["a", "owner.json", "z"]) await writeFile(join(directory, name), "");
  using _ = watchRemovals(directory, gone);
  await removeDirectory(directory, "owner.json");
  await vi.waitFor(() => expect(gone.slice(0, 3)).toEqual(["a", "z", "owner.json"]));
});

/** Tells in which order files go, as the kernel tells it. */
function watchRemovals(directory: string, gone: string[]): Disposable {
  const watcher = watch(directory, (_, name) => {
    if (name !== null && !gone.includes(name)) gone.push(name);
  });
  return { [Symbol.dispose]: () => watcher.close() };
}

function runtimeWith(exec: Exec, options: Pick<SystemRuntimeOptions, "fence" | "clock">): SystemRuntime {
  const network = { netns: undefined, bridge: "br0", prefixes: [] };
  const fake = { network, balancerCommand: [], environment: {}, exec, clock: options.clock };
  const engine: SystemRuntimeOptions["engine"] = (requests) => new NamespaceEngine(fake, requests);
  return new SystemRuntime({ ...options, stateDir, clusterId: id.clusterId, engine });
}
