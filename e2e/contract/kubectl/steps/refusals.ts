import { kubectl, type Step, withManifest } from "../step.ts";

function service(name: string, spec: string, metadata = ""): string {
  return `{apiVersion: v1, kind: Service, metadata: {name: ${name}${metadata}}, spec: ${spec}}\n`;
}

function refused(name: string, spec: string, metadata?: string): Step {
  return withManifest("create", service(name, spec, metadata));
}

const ports = "ports: [{port: 80}]";

/** What the API server refuses and in which words: validation, strict fields, immutability, allocators, conflicts. */
export const refusalSteps: readonly Step[] = [
  refused("9web", `{${ports}}`),
  refused("Web_1", `{${ports}}`),
  refused("a".repeat(64), `{${ports}}`),
  refused("empty", "{selector: {app: web}}"),
  refused("low", "{ports: [{port: 0}]}"),
  refused("high", "{ports: [{port: 70000}]}"),
  refused("target", "{ports: [{port: 80, targetPort: 70000}]}"),
  refused("target", "{ports: [{port: 80, targetPort: not_a_name}]}"),
  refused("same-name", "{ports: [{name: a, port: 80}, {name: a, port: 81}]}"),
  refused("same-port", "{ports: [{name: a, port: 80}, {name: b, port: 80}]}"),
  refused("unnamed", "{ports: [{port: 80}, {port: 81}]}"),
  refused("bad-name", "{ports: [{name: Not_A_Name, port: 80}]}"),
  refused("protocol", "{ports: [{port: 80, protocol: ICMP}]}"),
  refused("app-protocol", "{ports: [{port: 80, appProtocol: 'not a name'}]}"),
  refused("kind", `{type: Ingress, ${ports}}`),
  refused("selector", `{selector: {app: 'not a value'}, ${ports}}`),
  refused("labels", `{${ports}}`, ", labels: {app: 'not a value'}"),
  refused("unknown", `{${ports}, loadBalancerClazz: a}`),
  withManifest("create --validate=warn", service("warned", `{clusterIP: 10.96.0.40, ${ports}, loadBalancerClazz: a}`)),
  withManifest("create --validate=ignore", service("warned", `{${ports}, loadBalancerClazz: a}`)),
  refused("text-port", "{ports: [{port: eighty}]}"),
  withManifest("create", "{apiVersion: v1, kind: Gadget, metadata: {name: a}}\n"),
  withManifest(
    "create",
    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: nowhere}, spec: {ports: [{port: 80}]}}\n",
  ),
  withManifest("create", "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {type: 7}}\n"),

  refused("affinity", `{sessionAffinity: Cookie, ${ports}}`),
  refused(
    "affinity",
    `{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 90000}}, ${ports}}`,
  ),
  refused("affinity", `{sessionAffinityConfig: {clientIP: {timeoutSeconds: 90}}, ${ports}}`),
  refused("local", `{externalTrafficPolicy: Local, ${ports}}`),
  refused("local", `{type: LoadBalancer, externalTrafficPolicy: Nearby, ${ports}}`),
  refused("local", `{internalTrafficPolicy: Nearby, ${ports}}`),
  refused("health", `{type: LoadBalancer, healthCheckNodePort: 30051, ${ports}}`),
  refused("ranges", `{type: LoadBalancer, loadBalancerSourceRanges: [192.0.2.0/33], ${ports}}`),
  refused("ranges", `{loadBalancerSourceRanges: [192.0.2.0/24], ${ports}}`),
  refused(
    "ranges",
    `{type: LoadBalancer, ${ports}}`,
    ", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: everyone}",
  ),
  refused("class", `{loadBalancerClass: berth.dev/proxy, ${ports}}`),
  refused("class", `{type: LoadBalancer, loadBalancerClass: 'not a class', ${ports}}`),
  refused("allocate", `{allocateLoadBalancerNodePorts: false, ${ports}}`),
  refused("external-ip", `{externalIPs: [127.0.0.1], ${ports}}`),
  refused("external-ip", `{externalIPs: [anywhere], ${ports}}`),
  refused("distribution", `{trafficDistribution: Nearby, ${ports}}`),
  refused("name", "{type: ExternalName, externalName: 'not a name'}"),
  refused("name", "{type: ExternalName}"),
  refused("name", `{type: ExternalName, externalName: db.example.com, clusterIP: 10.96.0.41, ${ports}}`),
  refused("node-port", "{ports: [{port: 80, nodePort: 30040}]}"),
  refused("headless", `{type: NodePort, clusterIP: None, ${ports}}`),

  refused("taken", `{clusterIP: 10.96.0.40, ${ports}}`),
  refused("outside", `{clusterIP: 192.0.2.1, ${ports}}`),
  refused("no-address", `{clusterIP: 10.96.0.300, ${ports}}`),
  refused("ordered", `{clusterIP: 10.96.0.41, clusterIPs: [10.96.0.42], ${ports}}`),
  refused("door", "{type: NodePort, clusterIP: 10.96.0.41, ports: [{port: 80, nodePort: 30040}]}"),
  refused("taken", "{type: NodePort, ports: [{port: 80, nodePort: 30040}]}"),
  refused("outside", "{type: NodePort, ports: [{port: 80, nodePort: 29999}]}"),
  refused(
    "twice",
    "{type: NodePort, ports: [{name: a, port: 80, nodePort: 30041}, {name: b, port: 81, nodePort: 30041}]}",
  ),
  refused(
    "shared",
    "{type: NodePort, clusterIP: 10.96.0.43, ports: [{name: a, port: 53, nodePort: 30042}, {name: b, port: 53, protocol: UDP, nodePort: 30042}]}",
  ),
  kubectl("get services"),

  kubectl(`patch service door --type=merge -p '{"spec":{"clusterIP":"10.96.0.44"}}'`),
  kubectl(`patch service door --type=merge -p '{"spec":{"clusterIP":"10.96.0.44","clusterIPs":["10.96.0.44"]}}'`),
  kubectl(`patch service door --type=merge -p '{"spec":{"clusterIPs":[]}}'`),
  kubectl(`patch service door --type=merge -p '{"spec":{"ports":[{"port":80,"nodePort":30042}]}}'`),
  kubectl(`patch service door --type=merge -p '{"metadata":{"name":"gate"}}'`),
  kubectl(`patch service door --type=merge -p '{"metadata":{"uid":"another"}}'`),
  kubectl(`patch service door --type=merge -p '{"metadata":{"resourceVersion":"1"}}'`),
  kubectl(`patch service door --type=merge -p '{"kind":"Pod"}'`),
  kubectl("patch service door --type=merge -p '{'"),
  kubectl("delete service door --grace-period=soon"),
  kubectl(`delete --raw /api/v1/namespaces/shop/services/absent`),
  kubectl("get --raw /api/v1/namespaces/shop/nothings"),
  kubectl("get --raw /apis/example.com/v1"),
  kubectl("delete services --all"),
];
