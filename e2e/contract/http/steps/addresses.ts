import { create, type Exchange, get, remove } from "../exchange.ts";

const group = "/apis/networking.k8s.io/v1";
const services = "/api/v1/namespaces/api/services";

const limit = "serviceCidrs";

/** The ranges of ClusterIPs, and the object behind each address that a Service holds. */
export const addressSteps: readonly Exchange[] = [
  get(`${group}/servicecidrs/kubernetes`, { limit }),
  create(services, { metadata: { name: "held" }, spec: { clusterIP: "10.96.0.130", ports: [{ port: 80 }] } }),
  get(`${group}/ipaddresses/10.96.0.130`, { limit }),
  remove(`${services}/held`),
];
