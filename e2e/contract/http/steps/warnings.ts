import { create, type Exchange, mergePatch, remove, update } from "../exchange.ts";

const services = "/api/v1/namespaces/default/services";
const endpoints = "/api/v1/namespaces/default/endpoints";
const owner = { apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "00000000-0000-0000-0000-000000000001" };
const odd = { kind: "Service", apiVersion: "v1", metadata: { name: "odd" }, spec: { ports: [{ port: 80 }], odd: 1 } };
const ports = [{ port: 80 }];

function warned(metadata: object = {}): object {
  return {
    metadata: { name: "warned", ...metadata },
    spec: { ports, externalIPs: ["198.51.100.7"], loadBalancerIP: "x" },
  };
}

/** What is warned of, though the answer is a refusal: the warnings that arose until then. */
export const warningSteps: readonly Exchange[] = [
  create(services, warned()),
  create(services, warned()),
  create(services, { ...warned({ ownerReferences: [owner, owner] }), odd: { even: 2 } }),
  create(`${services}?fieldValidation=Ignore`, { ...warned(), odd: 1 }),
  create(`${services}?fieldValidation=Strict`, { ...warned(), odd: 1 }),
  create(services, { ...odd, metadata: { name: "Not A Name" } }),
  create(services, { ...warned({ namespace: "other" }), odd: 1 }),
  create("/api/v1/namespaces/nowhere/services", { ...odd, spec: { ...odd.spec, externalIPs: ["198.51.100.7"] } }),
  create(services, { ...odd, spec: { ...odd.spec, clusterIP: "192.0.2.1", externalIPs: ["198.51.100.7"] } }),
  update(`${services}/absent`, { ...odd, metadata: { name: "absent", resourceVersion: "1" } }),
  update(`${services}/warned`, { ...warned({ resourceVersion: "1" }), odd: 1 }),
  update(`${services}/warned`, { ...warned({ uid: owner.uid }), odd: 1 }, { brief: true }),
  update(`${services}/warned`, { metadata: { name: "warned" }, spec: { ports: [], odd: 1 } }),
  mergePatch(`${services}/warned`, { spec: { odd: 1, ports: null } }),
  mergePatch(`${services}/warned/status`, { odd: 1, status: { loadBalancer: { ingress: [{ ip: "nowhere" }] } } }),
  mergePatch(`${services}/warned?dryRun=All`, { metadata: { ownerReferences: [owner, owner, owner] } }),
  remove(`${services}/warned`),
  create(endpoints, { metadata: { name: "Not A Name" }, odd: 1 }),
  remove(`${services}/absent`),
  remove(`${endpoints}/absent`),
];
