import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { balancerNamespaces } from "../../providers/proxy/index.ts";
import { sabotages } from "../../sandbox/demo/index.ts";
import { execOk, isRunning, listNetns, parseProcess, systemExec } from "../../src/kernel/index.ts";
import { berth } from "./berth.ts";
import { eventually, patienceMs } from "./cluster.ts";

const demo = ["sandbox", "demo"];
const registry = "/run/berth/sandboxes";
const marker = "BERTH_E2E_DEMO";
const marked = randomUUID();
const quick = { environment: { CI: "true", [marker]: marked } };

let others: ReadonlySet<string>;

beforeEach(async () => {
  others = new Set(await sandboxThings());
});
// Whatever else runs on the machine has its own namespaces: those that are not ours go by themselves.
afterEach(async () => await eventually(async () => expect(await newThings()).toEqual([])));

it("goes through every step, leaves nothing behind and never touches the machine's own network", async () => {
  const before = await ownNetwork();
  const running = berth(demo, quick);
  await running.until("every pod answers from outside");
  expect(await ownNetwork()).toEqual(before);
  const { code, stdout, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("EXTERNAL-IP");
  expect(stdout).toContain("The sandbox is gone; nothing is left of it.");
  expect(await ownNetwork()).toEqual(before);
});

const failingStep: Readonly<Record<(typeof sabotages)[number], RegExp>> = {
  agent: /step "first answer from outside.*" failed/,
  controller: /step "the Service gets an EXTERNAL-IP" failed/,
  balancer: /step "the Service gets an EXTERNAL-IP" failed/,
  "nodeport-jump": /step "(the rules of every node lead to exactly these pods|NodePort \d+ of node3 answers)" failed/,
  "silent-pod": /step "every pod answers from outside" failed|step "NodePort \d+ of node\d answers" failed/,
};

// Most of each is waiting for what does not come: side by side.
it.concurrent.each(sabotages)("fails and names the step when %s is broken", async (what) => {
  const { code, stdout, stderr } = await berth([...demo, "--sabotage", what, "--step-timeout", "15s"], quick).ended;
  expect(stderr).toMatch(failingStep[what]);
  expect(stderr.trimEnd().split("\n").length).toBe(1);
  expect(stdout).not.toContain("Every step happened");
  expect(code).toBe(1);
});

describe("Ctrl-C", () => {
  it.each(["network of", "API server", "3 agents", "first answer from outside", "kubectl scale to 1"])(
    "ends it in order after %j",
    async (moment) => {
      const running = berth(demo, quick);
      await running.until(moment);
      running.child.kill("SIGINT");
      const { code, stderr } = await running.ended;
      expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    },
  );
});

it("ends in order when nobody reads its output any more", async () => {
  const running = berth(demo, quick);
  await running.until("first answer from outside");
  running.child.stdout.destroy();
  expect(await running.ended).toMatchObject({ code: 129, stderr: "" });
});

it("runs after one that was killed in the middle, and removes what that one left", async () => {
  const killed = berth(demo, quick);
  await killed.until("first answer from outside");
  killed.child.kill("SIGKILL");
  await killed.ended;
  expect(await newThings()).not.toEqual([]);
  expect((await berth(["sandbox", "sweep"]).ended).code).toBe(0);
  await eventually(async () => expect(await newThings()).toEqual([]));
  expect((await berth(demo, quick).ended).code).toBe(0);
});

it("two run side by side", async () => {
  const [one, two] = await Promise.all([berth(demo, quick).ended, berth(demo, quick).ended]);
  expect([one.code, two.code, one.stderr, two.stderr]).toEqual([0, 0, "", ""]);
});

/** Everything of the machine's own namespace that a sandbox could touch. */
async function ownNetwork(): Promise<readonly string[]> {
  const exec = systemExec(process.env);
  const signal = AbortSignal.timeout(patienceMs);
  return [
    await execOk(exec, "nft", ["list", "ruleset"], { signal }),
    (await exec.run("iptables-legacy-save", [], { signal })).stdout.replaceAll(/^#.*$/gm, ""),
    await execOk(exec, "ip", ["-brief", "link"], { signal }),
    await execOk(exec, "ip", ["-brief", "address"], { signal }),
    await execOk(exec, "ip", ["route", "show", "table", "all"], { signal }),
    await execOk(exec, "sysctl", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"], { signal }),
  ];
}

async function newThings(): Promise<readonly string[]> {
  const foreign = foreignRuns();
  const balancers = await Promise.all(foreign.map((id) => balancerNamespaces(`${registry}/${id}/balancers`)));
  const things = await sandboxThings();
  return things
    .filter((thing) => !others.has(thing) && !balancers.flat().includes(thing))
    .filter((thing) => !foreign.some((id) => thing.includes(id)));
}

/** Runs that somebody else has under way on this machine. */
function foreignRuns(): readonly string[] {
  return runs().filter((id) => {
    const owner = parseProcess(readIfThere(`${registry}/${id}/owner`));
    return owner !== undefined && isRunning(owner) && !isMarked(owner.pid);
  });
}

/** Namespaces and run directories of any sandbox, and the processes of ours. */
async function sandboxThings(): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(patienceMs);
  const namespaces = await listNetns(systemExec(process.env), { signal });
  return [...namespaces.filter((name) => name.startsWith("berth-")), ...runs(), ...processes()];
}

/** Everything that a demo of ours starts inherits its environment. */
function processes(): readonly string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => isMarked(Number(pid)))
    .map((pid) => readIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " "));
}

function isMarked(pid: number): boolean {
  return readIfThere(`/proc/${pid}/environ`).includes(`${marker}=${marked}`);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function runs(): readonly string[] {
  try {
    return readdirSync(registry);
  } catch {
    return [];
  }
}
