import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { FailureError, untilAbort } from "../../base/index.ts";
import { hashOf } from "./config-file.ts";
import { untilChanged } from "./config-watch.ts";

let directory: string;
let path: string;
let stop: AbortController;
let clock: FakeClock;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-watch-"));
  path = join(directory, "config.conf");
  await writeFile(path, "one");
  stop = new AbortController();
  clock = new FakeClock();
});

afterEach(() => rm(directory, { recursive: true }));

/** How the work ends: with its own error, with the change, or in order. */
function watch(work: (signal: AbortSignal) => Promise<void> = untilAbort): Promise<unknown> {
  return untilChanged({ path, hash: hashOf("one") }, stop.signal, clock, work).then(
    () => "in order",
    (error: unknown) => error,
  );
}

/** Lets the watch look once; reading a file takes as many turns as it takes. */
async function look(): Promise<void> {
  await clock.run(5000);
  await expect.poll(() => clock.pending, { interval: 1 }).toEqual([5000]);
}

const changed = (): FailureError =>
  new FailureError(`--config ${path}: the file has changed; ended, to be started again with it`);

it("ends the work when the file holds something else, and not before", async () => {
  const ended = watch();
  await writeFile(path, "one");
  await look();
  await unlink(path);
  await look();
  await writeFile(path, "two");
  await clock.run(5000);
  expect(await ended).toEqual(changed());
});

it("sees through the links of a ConfigMap's volume", async () => {
  await writeFile(join(directory, "old"), "one");
  await writeFile(join(directory, "new"), "two");
  await unlink(path);
  await symlink("old", path);
  const ended = watch();
  await look();
  await symlink("new", join(directory, "next"));
  await rename(join(directory, "next"), path);
  await clock.run(5000);
  expect(await ended).toEqual(changed());
});

it("leaves work alone that ends by itself, fails, or is told to stop", async () => {
  expect(await watch(() => Promise.resolve())).toBe("in order");
  expect(await watch(() => Promise.reject(new Error("broken")))).toEqual(new Error("broken"));
  const ended = watch();
  stop.abort();
  expect(await ended).toBe("in order");
  expect(clock.pending).toEqual([]);
});

it("tells the change, not how the work ended because of it", async () => {
  const ended = watch(async (signal) => {
    await untilAbort(signal);
    throw signal.reason;
  });
  await writeFile(path, "two");
  await clock.run(5000);
  expect(await ended).toEqual(changed());
});
