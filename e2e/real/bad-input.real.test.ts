// What goes wrong at an install, on real kubelets: pods, logs and conditions say what is missing, and how to mend it. Each test
// goes on where the one before it has ended.
import { afterAll, beforeAll, expect, it } from "vitest";
import { chartPath } from "../../hack/chart/helm.ts";
import { merged, type Tree } from "../../hack/chart/merged.ts";
import { explained } from "../drivers/collect.ts";
import { release } from "../drivers/pods.ts";
import { RealDriver } from "../drivers/real.ts";
import { Scene } from "../scenarios/set/scene.ts";
import { noNetfilter } from "./no-netfilter.ts";

const system = "--namespace=kube-system";
const agents = [system, "--selector=app.kubernetes.io/component=agent"];
const controllers = [system, "--selector=app.kubernetes.io/component=controller"];
const chart = ["berth", chartPath, system];
let driver: RealDriver;
let scene: Scene;
let isOver = false;

beforeAll(async () => {
  driver = await RealDriver.bare();
  scene = await Scene.open(driver, "bad-input");
}, 600_000);
afterAll(async () => await driver?.[Symbol.asyncDispose]());

/** The tests end with the first that fails. What is said to the mistake is printed. */
function mistake(name: string, play: () => Promise<string>): void {
  it(name, async ({ skip }) => {
    if (isOver) skip("a step before it failed");
    isOver = true;
    console.log(`real: ${name}: ${await explained(driver, `bad-input/${name.replaceAll(/\W+/g, "-")}`, play)}`);
    isOver = false;
  });
}

function valuesOf(...more: readonly Tree[]): Tree {
  return merged([driver.release.values as Tree, { controller: { defaultProvider: "node" } }, ...more]);
}

/** Asks until what is said has it; the part that does. */
async function says(pattern: RegExp, ...args: readonly string[]): Promise<string> {
  return await scene.eventually(async () => {
    const said = await driver.kubectl(args);
    const [found] = pattern.exec(said) ?? [];
    if (found === undefined) throw new Error(`${args.join(" ")} says ${said}`);
    return found;
  });
}

async function logs(who: readonly string[], pattern: RegExp): Promise<string> {
  return await says(pattern, "logs", ...who, "--tail=-1", "--prefix", "--max-log-requests=9");
}

mistake("an image that is nowhere", async () => {
  await driver.release.helm(["install", ...chart], valuesOf({ image: { tag: "0.0.0", pullPolicy: "Never" } }));
  const asked = "--output=jsonpath={.items[*].status.initContainerStatuses[*].state.waiting.message}";
  return await says(
    /Container image "berth-agent:0\.0\.0" is not present with pull policy of Never/,
    "get",
    "pods",
    ...agents,
    asked,
  );
});

mistake("an API server that is not where the agents are told", async () => {
  const host = driver.cluster.plan.client.addresses[0] ?? "";
  await driver.release.helm(["upgrade", ...chart], valuesOf({ agent: { apiServer: { host } } }));
  return await logs(agents, new RegExp(`berth agent: cannot reach the API server https://${host}:6443: .*; check .*`));
});

mistake("an API server by a name that nobody knows", async () => {
  const host = "control-plane.example.com";
  await driver.release.helm(["upgrade", ...chart], valuesOf({ agent: { apiServer: { host } } }));
  return await logs(
    agents,
    /berth agent: cannot reach the API server https:\/\/control-plane\.example\.com:6443: .*; .*DNS.*/,
  );
});

mistake(
  "definitions that are not there: Services are served all the same, by the classes of the configuration",
  async () => {
    await driver.release.helm(["upgrade", ...release], valuesOf({ crds: { install: false } }));
    await driver.kubectl(["delete", "crd", "--all", "--ignore-not-found"]);
    await driver.kubectl(["rollout", "restart", "deployment/berth-controller", system]);
    await driver.kubectl(["rollout", "status", "deployment/berth-controller", system, "--timeout=120s"]);
    await scene.pods("web", 2);
    await scene.service("web", "web", { type: "LoadBalancer" });
    const all = driver.nodes.flatMap(({ addresses }) => addresses);
    for (const ip of await scene.addresses("web", all.length)) await scene.answered(driver.outside, "http", ip, 80);
    return await logs(controllers, /"watch failed","kind":"LoadBalancerClass","reason":"http-404"/);
  },
);

/** Takes a rule from a role, so that whoever starts next lacks it. What gives it back. */
async function withoutRight(role: string, resource: string): Promise<() => Promise<void>> {
  const { rules } = JSON.parse(await driver.kubectl(["get", "clusterrole", role, "--output=json"])) as {
    rules: readonly { readonly resources: readonly string[] }[];
  };
  const left = rules.filter(({ resources }) => !resources.includes(resource));
  expect(left.length).toBe(rules.length - 1);
  const give = async (patch: object): Promise<void> =>
    void (await driver.kubectl(["patch", "clusterrole", role, "--type=merge", `--patch=${JSON.stringify(patch)}`]));
  await give({ rules: left });
  return async () => await give({ rules });
}

mistake("an agent without a right: it is not ready, names it, and works once it has it", async () => {
  const giveBack = await withoutRight("berth-agent", "endpointslices");
  await driver.kubectl(["delete", "pods", ...agents]);
  const said = await logs(
    agents,
    /"watch failed","kind":"EndpointSlice".*?allow `list, watch endpointslices\.discovery\.k8s\.io` to this account/,
  );
  await giveBack();
  await driver.kubectl(["rollout", "status", "daemonset/berth-agent", system, "--timeout=120s"]);
  return said;
});

mistake(
  "a kernel without the modules of iptables and nftables: the agent that has it alone ends, and names them",
  async () => {
    const localhostProfile = "no-netfilter.json";
    for (const node of driver.nodes) await node.addSeccompProfile(localhostProfile, noNetfilter);
    const confine = async (seccompProfile: object): Promise<void> => {
      const containers = [{ name: "agent", securityContext: { seccompProfile } }];
      const patch = JSON.stringify({ spec: { template: { spec: { containers } } } });
      await driver.kubectl(["patch", "daemonset/berth-agent", system, `--patch=${patch}`]);
    };
    const remedy =
      /does not support what IPv4 rules need: NAT .*modprobe -a nf_tables nft_compat nft_chain_nat; .*modprobe -a iptable_filter iptable_nat.*/;
    await confine({ type: "Localhost", localhostProfile });
    const said = await logs(agents, new RegExp(`berth agent: iptables .* ${remedy.source}`));
    const ended = "--output=jsonpath={.items[*].status.containerStatuses[*].lastState.terminated.message}";
    await says(remedy, "get", "pods", ...agents, ended);
    await says(new RegExp(`FailedToStartProxier +node/\\S+ +iptables .* ${remedy.source}`), "get", "events");
    const standing = "--output=jsonpath={.status.numberReady} of {.status.desiredNumberScheduled}";
    expect(await driver.kubectl(["get", "daemonset/berth-agent", system, standing])).toBe("2 of 3");
    // The rules of its node are as they were.
    const all = driver.nodes.flatMap(({ addresses }) => addresses);
    for (const ip of all) await scene.answered(driver.outside, "http", ip, 80);
    await confine({ type: "RuntimeDefault", localhostProfile: null });
    await driver.kubectl(["rollout", "status", "daemonset/berth-agent", system, "--timeout=120s"]);
    return said;
  },
);

mistake(
  "a controller without a right: it is not ready, its page and log name it, and it works once it has it",
  async () => {
    const giveBackAll = await withoutRight("berth-controller", "services/status");
    const giveBackNodes = await withoutRight("berth-controller", "nodes");
    await driver.kubectl(["delete", "pods", ...controllers]);
    const said = await logs(controllers, /"watch failed","kind":"Node".*?allow `list, watch nodes` to this account/);
    const unready = "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
    expect(await driver.kubectl(["get", "pods", ...controllers, unready])).toMatch(/^False/);
    const page = await says(/pod\/berth-controller\S+ +Readiness probe failed: .*503/, "get", "events", system);
    await giveBackNodes();
    // Now it works, and may not say so in the Service.
    await scene.service("other", "web", {
      type: "LoadBalancer",
      ports: [{ name: "http", port: 81, targetPort: 8080 }],
    });
    const told = await logs(controllers, /patch services\/status.*?as the role berth-controller of the chart does/);
    await giveBackAll();
    await scene.addresses("other", driver.nodes.flatMap(({ addresses }) => addresses).length);
    return `${said}; ${page}; ${told}`;
  },
);
