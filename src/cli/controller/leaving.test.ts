import { expect, it } from "vitest";
import { errorMessage, untilAbort } from "../../base/index.ts";
import { KubeApiError } from "../../kube/index.ts";
import { endDeployment, remainsOf, untilLeft } from "./leaving.ts";

const { signal } = new AbortController();
const place = { namespace: "kube-system", instance: "berth-controller" };

it("works until nothing remains", async () => {
  const remains = [["default/web"], ["default/web"], []];
  let ended = false;
  const work = async (until: AbortSignal): Promise<void> => {
    await untilAbort(until).catch(() => {});
    ended = true;
  };
  await untilLeft(work, () => remains.shift() ?? [], { deployment: undefined, timeoutMs: 60_000 }, signal);
  expect([ended, remains]).toEqual([true, []]);
});

it("names the first of what remains when that takes too long, once the work has ended", async () => {
  let ended = false;
  const work = async (until: AbortSignal): Promise<void> => {
    await untilAbort(until).catch(() => {});
    ended = true;
  };
  const remains = Array.from({ length: 12 }, (_, i) => `default/web${i}`);
  const left = untilLeft(work, () => remains, { deployment: undefined, timeoutMs: 0 }, signal);
  await expect(left).rejects.toThrow(
    /^not given up within 0s: default\/web0; .*default\/web9; and 2 more; mend what it says and run it again/,
  );
  expect(ended).toBe(true);
});

it("fails as the work does", async () => {
  const work = (): Promise<void> => Promise.reject(new Error("the lease is lost"));
  const left = untilLeft(work, () => ["default/web"], { deployment: undefined, timeoutMs: 60_000 }, signal);
  await expect(left).rejects.toThrow("the lease is lost");
});

it("says which right to a Deployment it lacks; one that is not there is as good as deleted", async () => {
  const leaving = { deployment: "berth-controller", timeoutMs: 0 };
  const answers = (code: number, reason: string) => ({
    delete: () => Promise.reject(new KubeApiError({ code, reason, message: `${reason}!` })),
  });
  await endDeployment(answers(404, "NotFound"), place, leaving, signal);
  const refused = await endDeployment(answers(403, "Forbidden"), place, leaving, signal).catch(errorMessage);
  expect(refused).toMatch(
    /^Forbidden!.*; allow `delete deployments.apps berth-controller in kube-system`, as the role berth-uninstall-controller of the chart does$/,
  );
});

it("says what it waits for before it leads", () => {
  const controller = { missing: [], remains: ["default/web"] };
  expect(remainsOf(controller, place, [], true)).toEqual(["default/web"]);
  expect(remainsOf(controller, place, [], false)).toEqual([
    "Lease kube-system/berth-controller: another controller has it",
  ]);
  const trouble = { kind: "Lease kube-system/berth-controller", why: "forbidden" };
  expect(remainsOf(controller, place, [trouble], false)).toEqual(["Lease kube-system/berth-controller: forbidden"]);
  const missing = [{ kind: "Service", why: undefined }];
  expect(remainsOf({ missing, remains: ["Service: not known yet"] }, place, [], false)).toEqual([
    "Service: not known yet",
  ]);
});
