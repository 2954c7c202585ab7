import { createPrivateKey } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readClaims, signToken } from "../../../sandbox/apiserver/access/index.ts";
import {
  loadRoles,
  nodePortRoles,
  type RoleObject,
  type RoleOwner,
  roleOwners,
  shippedRoles,
  uninstallRoles,
} from "../../../sandbox/cluster/service-accounts.ts";
import {
  conditionTypes,
  deployments,
  events,
  ipAddressPools,
  type Lease,
  leases,
  loadBalancerClasses,
  loadBalancerRecords,
  nodes,
  type Resource,
  type Service,
  services,
} from "../../../src/api/index.ts";
import { sleep } from "../../../src/base/index.ts";
import { isNotFound, KubeApiError, type KubeClient, type KubeObject } from "../../../src/kube/index.ts";
import type { Child } from "../child.ts";
import type { Access, ControlPlane, Target } from "../target.ts";
import { beyond } from "./beyond.ts";
import { rightsOf, usedBy } from "./rights.ts";
import { Stage } from "./stage.ts";

/** Far beyond what a slow machine needs: reaching it means that what is awaited never comes. */
const patienceMs = 60_000;
const { signal } = new AbortController();

function userOf(owner: RoleOwner): string {
  return `system:serviceaccount:kube-system:berth-${owner}`;
}

/**
 * The programs do on a target all that they can do, as the service accounts that they ship with. `unused` tells which
 * rights this target gives them no reason to use, `uninstalled` whose uninstall it has all kinds for.
 */
export function checkRoles(
  target: Target,
  unused: (right: string, owner: RoleOwner) => boolean,
  uninstalled: readonly RoleOwner[] = roleOwners,
): void {
  describe(`on ${target.name} the shipped roles`, () => {
    let controlPlane: ControlPlane;
    let stage: Stage;
    let accesses: readonly Access[] = [];

    beforeAll(async () => {
      controlPlane = await target.start({ recordsAccess: true, watchList: false });
      stage = await Stage.open(controlPlane);
      await liveThroughAll(stage, controlPlane);
      accesses = await controlPlane.accesses();
    });
    afterAll(async () => {
      await stage?.[Symbol.asyncDispose]();
      await controlPlane?.[Symbol.asyncDispose]();
    });

    it.each(roleOwners)("allow all that the %s asks for", (owner) => {
      const own = accesses.filter(({ user }) => user === userOf(owner));
      expect(own.length).toBeGreaterThan(0);
      expect(own.filter(({ allowed }) => !allowed)).toEqual([]);
    });

    it.each(roleOwners)("give the %s nothing that it does not use", async (owner) => {
      const rights = rightsOf(await shippedRoles(owner));
      const known = new Set(rights);
      const used = new Set(
        accesses.filter(({ user }) => user === userOf(owner)).flatMap((access) => usedBy(access, known)),
      );
      expect(rights.filter((right) => !used.has(right))).toEqual(rights.filter((right) => unused(right, owner)));
    });

    it("count only as long as the token lasts", async () => {
      const token = await stage.token("agent");
      const claims = readClaims(token);
      if (claims === undefined) throw new Error("the token says nothing");
      const { iat } = claims;
      const key = createPrivateKey(controlPlane.serviceAccountKey);
      const again = (times: object): KubeClient => stage.clientBy(signToken({ ...claims, ...times }, key));
      const list = (client: KubeClient): Promise<unknown> => client.list(nodes, {}, signal);
      await expect(list(again({}))).resolves.toMatchObject({ items: [{ metadata: { name: "node-a" } }] });
      await expect(list(again({ iat: iat - 7200, nbf: iat - 7200, exp: iat - 3600 }))).rejects.toMatchObject({
        code: 401,
        message: expect.stringMatching(/^Unauthorized;/),
      });
    });

    it.each(roleOwners.flatMap((owner) => beyond(owner).map((call) => ({ owner, ...call }))))(
      "refuse the $owner $method $path",
      async ({ owner, method, path, body }) => {
        const client = stage.clientBy(await stage.token(owner));
        const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
        const answer = client.request({ method, path, contentType, signal, ...(body === undefined ? {} : { body }) });
        await expect(answer).rejects.toMatchObject({
          code: 403,
          message: expect.stringContaining(`User "${userOf(owner)}" cannot`),
        });
      },
    );

    // The last one, as it gives a right that is beyond the others.
    it("let the controller set node ports only with the optional one, of which it uses all", async () => {
      const before = (await controlPlane.accesses()).length;
      await liveThroughNodePorts(stage);
      const own = (await controlPlane.accesses()).slice(before).filter(({ user }) => user === userOf("controller"));
      const refused = own.filter(({ allowed }) => !allowed);
      expect(
        new Set(refused.map(({ verb, resource, subresource }) => [verb, resource, subresource].join(" "))),
      ).toEqual(new Set(["patch services "]));
      const rights = rightsOf(await nodePortRoles());
      const allowed = own.filter((access) => access.allowed);
      const used = new Set(allowed.flatMap((access) => usedBy(access, new Set(rights))));
      expect(rights.length).toBeGreaterThan(0);
      expect([...used].sort()).toEqual([...rights].sort());
    });

    it.each(uninstalled)("let the %s be uninstalled with those of its hook, of which it uses all", async (owner) => {
      const roles = await uninstallRoles(owner);
      const { said, tries } = await uninstall(stage, controlPlane, owner, roles);
      const [first = [], last = []] = [tries[0], tries.at(-1)];
      expect(said).toContain(`as the role berth-uninstall-${owner} of the chart does`);
      expect(first.filter(({ allowed }) => !allowed)).not.toEqual([]);
      expect(last.filter(({ allowed }) => !allowed)).toEqual([]);
      const rights = rightsOf(roles);
      const used = new Set(last.flatMap((access) => usedBy(access, new Set(rights))));
      expect(rights.length).toBeGreaterThan(1);
      expect([...used].sort()).toEqual([...rights].sort());
    });
  });
}

/** Uninstalls once without its roles, and again until it has them. What it said first, and what it asked in each try. */
async function uninstall(
  stage: Stage,
  controlPlane: ControlPlane,
  owner: RoleOwner,
  roles: readonly RoleObject[],
): Promise<{ said: string; tries: readonly (readonly Access[])[] }> {
  const { admin } = stage;
  const metadata = { namespace: "kube-system", name: `berth-${owner}` };
  const labels = { app: metadata.name };
  const containers = [{ name: owner, image: `berth-${owner}:1`, args: [owner] }];
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } };
  const kind = owner === "agent" ? daemonSets : deployments;
  await admin.create<KubeObject>(kind, { metadata, spec } as KubeObject, signal);
  // As its controller would once no node is to have a pod; whatever else is written to it is older.
  const status = { observedGeneration: 99, desiredNumberScheduled: 0 };
  if (owner === "agent")
    await admin.patch(kind, { ...metadata, subresource: "status" }, { type: "merge", body: { status } }, signal);
  const tries: (readonly Access[])[] = [];
  const attempt = async (): Promise<{ readonly code: number | null; readonly stderr: string }> => {
    const before = (await controlPlane.accesses()).length;
    const child = stage.uninstall(owner);
    const code = await child.end();
    tries.push((await controlPlane.accesses()).slice(before).filter(({ user }) => user === userOf(owner)));
    return { code, stderr: child.stderr };
  };
  const { stderr: said } = await attempt();
  await loadRoles(admin, roles, signal);
  // An API server learns of new rules a moment later.
  for (let next = await attempt(); next.code !== 0; next = await attempt()) {
    if (!next.stderr.includes("forbidden")) throw new Error(next.stderr);
    await sleep(50, signal);
  }
  return { said, tries };
}

const daemonSets: Resource<KubeObject> = {
  group: "apps",
  version: "v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  namespaced: true,
};

/** An agent counts what it shares with others half an hour later, for which no test waits. */
export function countsEvents(right: string, owner: RoleOwner): boolean {
  return owner === "agent" && right === "patch events.events.k8s.io";
}

const at = { namespace: "default", name: "web" };

/** Election, a load balancer with its events, its change and end, a leftover, and a leader that is killed. */
async function liveThroughAll(stage: Stage, controlPlane: ControlPlane): Promise<void> {
  const { admin } = stage;
  const lease = async (): Promise<Lease["spec"]> =>
    (await admin.get(leases, { namespace: "kube-system", name: "berth-controller" }, signal)).spec;
  await admin.create(
    nodes,
    { apiVersion: "v1", kind: "Node", metadata: { name: "node-a" }, spec: { providerID: "berth://a" } },
    signal,
  );
  await defineClassAndPool(admin);
  const agent = stage.agent();
  const first = stage.controller();
  await says(first, /"message":"controller works"/);
  await until(async () => {
    const objects = [...(await list(admin, loadBalancerClasses)), ...(await list(admin, ipAddressPools))];
    return objects.length === 2 && objects.every(({ status }) => status !== undefined);
  });
  await admin.create(services, service(80), signal);
  await says(first, /"reason":"EnsuredLoadBalancer"/);
  // Whether that is a change to it or was there when it first looked.
  await says(agent, /"service":"default\/web"/);
  await liveThroughReport(agent, admin);
  await until(async () => await hasRecord(admin));

  // Changes of one Service are announced in the same words, sooner or later: a series.
  for (let changes = 1; !(await hasSeries(admin)); changes++) {
    await admin.patch(services, at, { type: "merge", body: service(80 + changes) }, signal);
    await says(first, new RegExp(`(?:"message":"load balancer changed"[^]*){${changes + 1}}`));
  }

  // The leader is killed; whoever watched its Lease takes over.
  const second = stage.controller();
  const watches = ({ verb, resource, user }: Access): boolean =>
    verb === "watch" && resource === "leases" && user === userOf("controller");
  await until(async () => (await controlPlane.accesses()).filter(watches).length > 1);
  const { holderIdentity: before, renewTime } = (await lease()) ?? {};
  await until(async () => (await lease())?.renewTime !== renewTime);
  first.signal("SIGKILL");
  await says(second, /"message":"controller works"/);
  expect((await lease())?.holderIdentity).not.toBe(before);

  // It ends in order and gives the Lease back; a Service goes meanwhile, whose load balancer the next one finds.
  second.signal("SIGTERM");
  await second.end();
  expect((await lease())?.holderIdentity ?? "").toBe("");
  await admin.patch(services, at, { type: "merge", body: { metadata: { finalizers: null } } }, signal);
  await admin.delete(services, at, signal);
  const third = stage.controller("--delete-orphans", "--orphan-grace-period=0s", "--drift-resync-period=1s");
  await says(third, /"message":"load balancer has no service"/);
  await says(third, /"message":"load balancer gone"/);

  // A Service that wants no load balancer any more has no Record either.
  await admin.create(services, service(80), signal);
  await says(third, /"reason":"EnsuredLoadBalancer"/);
  await until(async () => await hasRecord(admin));
  await admin.patch(services, at, { type: "merge", body: { spec: { type: "ClusterIP" } } }, signal);
  await until(async () => !(await hasRecord(admin)));

  // The end of a Service: its finalizer goes once the load balancer has gone.
  await admin.patch(services, at, { type: "merge", body: { spec: { type: "LoadBalancer" } } }, signal);
  await says(third, /(?:"reason":"EnsuredLoadBalancer"[^]*){2}/);
  await admin.delete(services, at, signal);
  await until(async () => await isGone(admin));
  third.signal("SIGTERM");
  agent.signal("SIGTERM");
  expect([await third.end(), await agent.end()]).toEqual([0, 0]);
}

/** A Service that has no node ports: the controller says which rule it lacks, and sets them once it has it. */
async function liveThroughNodePorts(stage: Stage): Promise<void> {
  const { admin } = stage;
  const controller = stage.controller("--node-ports=Ensure");
  const { spec, ...rest } = service(80);
  await admin.create(services, { ...rest, spec: { ...spec, allocateLoadBalancerNodePorts: false } }, signal);
  const now = async (): Promise<Service> => await admin.get(services, at, signal);
  const remedy = "allow `patch services`, as the value controller.setsNodePorts of the chart does";
  await until(async () => {
    const { status } = await now();
    const found = status?.conditions?.find(({ type }) => type === conditionTypes.programmed);
    return found?.reason === "Forbidden" && found.message.endsWith(remedy);
  });
  await loadRoles(admin, await nodePortRoles(), signal);
  // An API server learns of new rules a moment later, and each change of the Service is another try.
  for (let tries = 1; (await now()).spec?.ports?.[0]?.nodePort === undefined; tries++) {
    await admin.patch(services, at, { type: "merge", body: { metadata: { labels: { tries: `${tries}` } } } }, signal);
    await sleep(50, signal);
  }
  await says(controller, /"reason":"EnsuredLoadBalancer"/);
  await admin.delete(services, at, signal);
  await until(async () => await isGone(admin));
  controller.signal("SIGTERM");
  expect(await controller.end()).toBe(0);
}

/** A class and a pool of which the controller has something to say; as soon as the server knows these kinds. */
async function defineClassAndPool(admin: KubeClient): Promise<void> {
  for (const kind of [loadBalancerClasses, ipAddressPools, loadBalancerRecords])
    await until(async () => await isServed(admin, kind));
  const { group, version } = loadBalancerClasses;
  const meta = { apiVersion: `${group}/${version}`, metadata: { name: "a" } };
  const spec = { loadBalancerClass: "example.com/proxy", proxy: {} };
  await admin.create(loadBalancerClasses, { ...meta, kind: loadBalancerClasses.kind, spec }, signal);
  const ranges = ["10.99.201.0/24"];
  await admin.create(ipAddressPools, { ...meta, kind: ipAddressPools.kind, spec: { ranges } }, signal);
}

async function isServed(admin: KubeClient, resource: Resource<KubeObject>): Promise<boolean> {
  try {
    await list(admin, resource);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function list<T extends KubeObject>(admin: KubeClient, resource: Resource<T>): Promise<readonly T[]> {
  return (await admin.listAll(resource, {}, signal)).items;
}

/** Whether the Record is that of the Service, not of one before it, and says something. */
async function hasRecord(admin: KubeClient): Promise<boolean> {
  const { metadata } = await admin.get(services, at, signal);
  return (await list(admin, loadBalancerRecords)).some(
    ({ metadata: { ownerReferences = [] }, status }) =>
      status !== undefined && ownerReferences.some(({ uid }) => uid === metadata.uid),
  );
}

/** The agent's Lease, made and renewed, and a Service that it must not serve, twice. */
async function liveThroughReport(agent: Child, admin: KubeClient): Promise<void> {
  const report = async (): Promise<Lease | undefined> =>
    await admin
      .get(leases, { namespace: "berth-node-lease", name: "berth-agent-node-a" }, signal)
      .catch(() => undefined);
  await until(async () => (await report()) !== undefined);
  const object = { ...service(22), metadata: { namespace: at.namespace, name: "ssh" } };
  await admin.create(services, { ...object, spec: { ...object.spec, loadBalancerClass: "example.com/other" } }, signal);
  const ingress = async (ips: readonly string[]): Promise<unknown> => {
    const body = { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } };
    const status = { namespace: at.namespace, name: "ssh", subresource: "status" };
    return await admin.patch(services, status, { type: "merge", body }, signal);
  };
  // The address is the node's own, and so is the port of SSH.
  for (const times of [1, 2]) {
    await ingress(["127.0.0.1"]);
    await says(agent, new RegExp(`(?:"message":"frontend refused"[^]*){${times}}`));
    await until(async () =>
      ((await report())?.metadata.annotations?.["berth.dev/report"] ?? "").includes("default/ssh"),
    );
    if (times === 1) await ingress([]);
    if (times === 1)
      await until(
        async () =>
          !((await report())?.metadata.annotations?.["berth.dev/report"] ?? "default/ssh").includes("default/ssh"),
      );
  }
  await until(async () => await hasEvent(admin, "FrontendRefused"));
  await admin.delete(services, { namespace: at.namespace, name: "ssh" }, signal);
}

function service(port: number): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...at },
    spec: { type: "LoadBalancer", ports: [{ port, protocol: "TCP" }] },
  };
}

async function hasSeries(admin: KubeClient): Promise<boolean> {
  const { items } = await admin.listAll(events, { namespace: at.namespace }, signal);
  return items.some(({ series }) => (series?.count ?? 0) > 1);
}

async function hasEvent(admin: KubeClient, reason: string): Promise<boolean> {
  const { items } = await admin.listAll(events, { namespace: at.namespace }, signal);
  return items.some((event) => event.reason === reason);
}

async function isGone(admin: KubeClient): Promise<boolean> {
  try {
    await admin.get(services, at, signal);
    return false;
  } catch (error) {
    if (error instanceof KubeApiError && isNotFound(error)) return true;
    throw error;
  }
}

async function says(program: Child, line: RegExp): Promise<void> {
  if (!(await program.happens(({ stderr }) => line.test(stderr), patienceMs)))
    throw program.failure(`did not say ${line.source}`);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const limit = AbortSignal.timeout(patienceMs);
  while (!(await condition())) await sleep(50, limit);
}
