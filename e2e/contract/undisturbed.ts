import { Registry } from "prom-client";
import { FailureError } from "../../src/base/index.ts";
import { KubeClient, loadKubeconfig } from "../../src/kube/index.ts";
import type { ControlPlane, Target } from "./target.ts";

const attempts = 5;

/**
 * What a script brought, on a target of its own, when it brought what it should or nobody else took part. Once more when
 * a repair loop of the real server's allocators got in between: they race with the caches that they read, now and then
 * take an address again that was just given back, and write an event about it.
 */
export async function undisturbed<T>(
  target: Target,
  run: (at: ControlPlane) => Promise<T>,
  isRight: (entries: T) => boolean = tellsOfNoRepair,
): Promise<T> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    await using controlPlane = await target.start();
    const entries = await run(controlPlane);
    if (isRight(entries) || tellsOfNoRepair(await eventsOf(controlPlane))) return entries;
  }
  throw new FailureError(`events of a repair loop came into ${attempts} runs; try again on an idle machine`);
}

const isRepair = /-repair-controller|; repairing/;

function tellsOfNoRepair(entries: unknown): boolean {
  return !isRepair.test(JSON.stringify(entries));
}

async function eventsOf({ kubeconfig }: ControlPlane): Promise<unknown> {
  const connection = await loadKubeconfig(kubeconfig);
  await using client = new KubeClient({ connection, metrics: new Registry() });
  return await client.request({ method: "GET", path: "/api/v1/events", signal: AbortSignal.timeout(30_000) });
}
