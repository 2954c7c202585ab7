// G18: a network that is another project's, with a firewall that Berth may not change, or not even look at.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { executePlan, ProviderError, type ScopeKey } from "../../../src/provider/index.ts";
import { desiredOf } from "../../../src/provider/testing/drive.ts";
import { baseName, sharedBaseName } from "../names.ts";
import { renderOwner } from "../owner.ts";
import { Cloud, wishOf } from "../testing/cloud.ts";
import { settings as defaults, id } from "../testing/values.ts";

const { signal } = new AbortController();
const settings = { ...defaults, networkProject: "host", network: "shared" };
const base = baseName(id);
const shared = sharedBaseName(id.clusterId);
const firewalls = "projects/host/global/firewalls";
const rulePath = `projects/shop/regions/europe-west1/forwardingRules/${base}-tcp-v4`;
const wish = wishOf();

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start({ settings, networkProject: "host" });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

/** The firewall of the host project refuses such requests. */
function forbid(...methods: readonly string[]): void {
  cloud.gce.faults.push({
    fits: ({ method, path }) => path.startsWith(firewalls) && methods.includes(method),
    how: { kind: "answer", status: 403, body: refusal },
  });
}

const message = "Required 'compute.firewalls.create' permission for 'projects/host/global/firewalls/x'";
const refusal = { error: { code: 403, message, errors: [{ message, domain: "global", reason: "forbidden" }] } };

/** Every scope again and again until nothing moves any more; returns what failed at the end, one line each. */
async function settled(wanted: typeof wish | null): Promise<readonly string[]> {
  const adapter = cloud.adapter();
  const keys: readonly ScopeKey[] = adapter.scopes(wish.lb).filter(({ kind }) => wanted !== null || kind !== "shared");
  for (;;) {
    let moved = false;
    const failed: string[] = [];
    for (const key of keys) {
      const plan = adapter.plan(key, desiredOf(key, wanted), await adapter.observe(key, "live", signal));
      const apply = async (...[step, outputs]: Parameters<Parameters<typeof executePlan>[1]["apply"]>) =>
        await adapter.apply(step, outputs, signal);
      for (const outcome of await executePlan(plan, { mayWrite: () => undefined, apply })) {
        moved ||= outcome.state === "done";
        if (outcome.state === "failed") failed.push(textOf(outcome.error));
      }
    }
    if (!moved) return failed;
  }
}

function textOf(error: unknown): string {
  const { fault } = error as ProviderError;
  return fault.kind === "blocked" ? `${fault.reason}: ${fault.remedy}` : fault.kind;
}

function command(name: string, rest: string, owner: Parameters<typeof renderOwner>[0]): string {
  const description = `--description '${renderOwner(owner)}'`;
  return `FirewallForbidden: let the controller change firewall rules, or run: gcloud compute firewall-rules create ${name} --project host --network shared --direction INGRESS ${rest} ${description}`;
}

const probes = {
  v4: "130.211.0.0/22,35.191.0.0/16",
  v6: "2600:1901:8001::/48",
};
const sharedOwner = { kind: "shared", clusterId: id.clusterId, name: "health-check" } as const;
const owner = { kind: "service", id, retained: false } as const;
const probesOf = (family: "v4" | "v6"): string =>
  command(
    `${shared}-fw-health-${family}`,
    `--action ALLOW --priority 999 --rules tcp:10256 --source-ranges ${probes[family]} --target-tags berth-node`,
    sharedOwner,
  );

function allowCommand(): string {
  const ip = String(cloud.gce.world.get(rulePath)["IPAddress"]);
  const fields = `--action ALLOW --priority 999 --rules tcp:80 --source-ranges 0.0.0.0/0 --destination-ranges ${ip} --target-tags berth-node`;
  return command(`${base}-fw-allow-v4`, fields, owner);
}

it.each([
  ["change", ["insert", "update", "delete"]],
  ["look at", ["insert", "update", "delete", "list"]],
])("makes all but the rules that it may not %s, tells each command, and takes all away again", async (_, methods) => {
  forbid(...methods);
  expect(await settled(wish)).toEqual([probesOf("v4"), probesOf("v6"), allowCommand()]);
  expect([...(await cloud.gce.paths()).values()].flat()).toHaveLength(3);
  expect(await settled(null)).toEqual([]);
  const left = [...cloud.gce.world.resources.keys()].filter((path) => !path.includes(shared));
  expect(left).toEqual([]);
});

it("makes its rules in the project of the network, where it may", async () => {
  expect(await settled(wish)).toEqual([]);
  expect([...cloud.gce.world.resources.keys()].filter((path) => path.includes("/firewalls/")).sort()).toEqual(
    [`${shared}-fw-health-v4`, `${shared}-fw-health-v6`, `${base}-fw-allow-v4`, `${base}-fw-deny-v4`]
      .map((name) => `${firewalls}/${name}`)
      .sort(),
  );
});

const network = "https://www.googleapis.com/compute/v1/projects/host/global/networks/shared";
const theirs = {
  direction: "INGRESS",
  priority: 900,
  disabled: false,
  network,
  sourceRanges: ["0.0.0.0/0"],
  allowed: [{ IPProtocol: "all" }],
};

function put(name: string, body: object): void {
  cloud.gce.world.put(`${firewalls}/${name}`, { name, ...body });
}

it("takes rules of somebody else that do the same, under whatever names, and asks for nothing then", async () => {
  forbid("insert", "update", "delete");
  put("let-all-in", theirs);
  put("let-all-in-v6", { ...theirs, sourceRanges: ["::/0"] });
  put("keep-out", { ...theirs, priority: 1000, allowed: [], denied: [{ IPProtocol: "all" }] });
  expect(await settled(wish)).toEqual([]);
  expect(await settled(wish)).toEqual([]);
  put("let-all-in", { ...theirs, priority: 1001 });
  expect(await settled(wish)).toEqual([probesOf("v4"), allowCommand()]);
});

it("takes what was made by the very commands for its own", async () => {
  forbid("insert", "update", "delete");
  const [v4, v6] = await settled(wish);
  const asked = [v4, v6, allowCommand()].map((text) => {
    const [, name = ""] = /create (\S+)/.exec(text ?? "") ?? [];
    const [, description] = /--description '(.*)'$/.exec(text ?? "") ?? [];
    const [, rules = ""] = /--rules (\S+)/.exec(text ?? "") ?? [];
    const list = (flag: string): readonly string[] =>
      new RegExp(`--${flag} (\\S+)`).exec(text ?? "")?.[1]?.split(",") ?? [];
    return {
      name,
      description,
      direction: "INGRESS",
      priority: 999,
      disabled: false,
      network,
      allowed: [{ IPProtocol: "tcp", ports: [rules.replace("tcp:", "")] }],
      sourceRanges: list("source-ranges"),
      destinationRanges: list("destination-ranges"),
      targetTags: list("target-tags"),
    };
  });
  for (const rule of asked) put(rule.name, rule);
  const [deny, ...rest] = await settled(wish);
  expect(deny).toContain(`create ${base}-fw-deny-v4 --project host`);
  expect(rest).toEqual([]);
});

it("asks nobody for rules where it is told that others open the way", async () => {
  forbid("insert", "update", "delete", "list");
  const adapter = cloud.adapterWith({ ...settings, disableFirewalls: true });
  await cloud.converge(wish, adapter);
  expect([...(await cloud.gce.paths()).values()].flat()).toHaveLength(3);
});

it("looks at no rule of others where the network is its own project's", async () => {
  const own = { ...defaults, network: "shared" };
  await cloud.adapterWith(own).observe({ kind: "service", id }, "live", signal);
  expect(cloud.gce.journal.filter(({ path }) => path.includes("/firewalls"))).toHaveLength(1);
});
