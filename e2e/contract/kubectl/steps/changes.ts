import { kubectl, type Step, withManifest } from "../step.ts";

function service(name: string, spec: string, metadata = ""): Step {
  return withManifest(
    "create",
    `{apiVersion: v1, kind: Service, metadata: {name: ${name}${metadata}}, spec: ${spec}}\n`,
  );
}

function merge(name: string, patch: string): Step {
  return kubectl(`patch service ${name} --type=merge -p '${patch}'`);
}

function show(name: string, ...fields: string[]): Step {
  return kubectl(`get service ${name} -o jsonpath='${fields.map((field) => `${field}={${field}}{"\\n"}`).join("")}'`);
}

const status = JSON.stringify({
  status: {
    loadBalancer: { ingress: [{ ip: "203.0.113.7" }] },
    conditions: [
      {
        type: "berth.dev/Ready",
        status: "True",
        reason: "Healthy",
        message: "",
        lastTransitionTime: "2026-01-02T03:04:05Z",
      },
    ],
  },
});

const ports = "ports: [{port: 80}]";

/** What a change of type, family or policy allocates, keeps, frees and wipes. */
export const changeSteps: readonly Step[] = [
  // LoadBalancer -> ClusterIP wipes ports, class, health-check port and load-balancer status, and frees the ports.
  service(
    "lb",
    "{type: LoadBalancer, loadBalancerClass: berth.dev/proxy, clusterIP: 10.96.0.50, externalTrafficPolicy: Local, healthCheckNodePort: 30052, ports: [{port: 80, nodePort: 30053}]}",
  ),
  kubectl(`patch service lb --subresource=status --type=merge -p '${status}'`),
  merge("lb", '{"spec":{"loadBalancerClass":"berth.dev/node"}}'),
  merge("lb", '{"spec":{"loadBalancerClass":null}}'),
  merge("lb", '{"spec":{"healthCheckNodePort":30054}}'),
  kubectl("get service lb -o yaml"),
  merge("lb", '{"spec":{"type":"ClusterIP"}}'),
  kubectl("get service lb -o yaml"),
  service(
    "heir",
    "{type: NodePort, clusterIP: 10.96.0.51, ports: [{name: a, port: 80, nodePort: 30053}, {name: b, port: 81, nodePort: 30052}]}",
  ),
  merge("lb", '{"spec":{"type":"LoadBalancer","loadBalancerClass":"berth.dev/l2"}}'),
  show("lb", ".spec.type", ".spec.loadBalancerClass", ".spec.allocateLoadBalancerNodePorts", ".spec.ports[0].nodePort"),
  merge("lb", '{"spec":{"externalTrafficPolicy":"Local"}}'),
  show("lb", ".spec.externalTrafficPolicy", ".spec.healthCheckNodePort"),
  merge("lb", '{"spec":{"externalTrafficPolicy":"Cluster"}}'),
  show("lb", ".spec.externalTrafficPolicy", ".spec.healthCheckNodePort"),
  merge("lb", '{"spec":{"type":"NodePort"}}'),
  show("lb", ".spec.type", ".spec.loadBalancerClass", ".spec.ports[0].nodePort", ".status"),
  merge("lb", '{"spec":{"type":"ExternalName","externalName":"db.example.com","clusterIP":null,"clusterIPs":null}}'),
  kubectl("get service lb -o yaml"),
  service("reborn", `{clusterIP: 10.96.0.50, ${ports}}`),
  kubectl("delete services lb heir reborn"),

  // No NodePorts unless asked for; asked for, they stay when the wish goes.
  service("bare", `{type: LoadBalancer, allocateLoadBalancerNodePorts: false, clusterIP: 10.96.0.52, ${ports}}`),
  kubectl("get service bare"),
  show("bare", ".spec.allocateLoadBalancerNodePorts", ".spec.ports"),
  merge("bare", '{"spec":{"allocateLoadBalancerNodePorts":true}}'),
  show("bare", ".spec.allocateLoadBalancerNodePorts", ".spec.ports"),
  merge("bare", '{"spec":{"allocateLoadBalancerNodePorts":false}}'),
  show("bare", ".spec.allocateLoadBalancerNodePorts", ".spec.ports"),
  merge("bare", '{"spec":{"ports":[{"port":80,"protocol":"TCP"}]}}'),
  show("bare", ".spec.allocateLoadBalancerNodePorts", ".spec.ports"),
  merge("bare", '{"spec":{"ports":[{"port":80,"nodePort":30055}]}}'),
  show("bare", ".spec.ports"),

  // Allocated ports: one number for two protocols of one port; kept over an update that does not name them.
  service(
    "dns",
    "{type: NodePort, clusterIP: 10.96.0.53, ports: [{name: udp, port: 53, protocol: UDP}, {name: tcp, port: 53}, {name: web, port: 80}]}",
  ),
  kubectl("get service dns"),
  withManifest(
    "replace",
    "{apiVersion: v1, kind: Service, metadata: {name: dns}, spec: {type: NodePort, ports: [{name: tcp, port: 53}, {name: udp, port: 53, protocol: UDP}, {name: web, port: 8080}]}}\n",
  ),
  kubectl("get service dns"),

  // Address families.
  service("dual", `{ipFamilyPolicy: PreferDualStack, clusterIPs: [10.96.0.60, "fd00:96::60"], ${ports}}`),
  service("dual", `{clusterIP: 10.96.0.60, clusterIPs: [10.96.0.60, "fd00:96::60"], ${ports}}`),
  service(
    "dual",
    `{ipFamilyPolicy: PreferDualStack, clusterIP: 10.96.0.60, clusterIPs: [10.96.0.60, "fd00:96::60"], ${ports}}`,
  ),
  service("dual-only", `{ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4], ${ports}}`),
  service("six", `{ipFamilies: [IPv6], clusterIP: "fd00:96::61", ${ports}}`),
  service("four-six", `{ipFamilies: [IPv6], clusterIP: 10.96.0.62, ${ports}}`),
  service("two-families", `{ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6], ${ports}}`),
  service("two-families", `{ipFamilyPolicy: Both, ${ports}}`),
  service("two-families", `{ipFamilies: [IPv4, IPv4], ${ports}}`),
  service("two-families", `{ipFamilies: [IPv5], ${ports}}`),
  service("six-taken", `{ipFamilies: [IPv6], clusterIP: "fd00:96::61", ${ports}}`),
  kubectl("get services dual six"),
  kubectl("get service dual -o yaml"),
  kubectl("describe service dual"),
  show("dual-only", ".spec.ipFamilies", ".spec.ipFamilyPolicy", ".spec.clusterIP", ".spec.clusterIPs"),
  merge("dual", '{"spec":{"ipFamilyPolicy":"SingleStack"}}'),
  show("dual", ".spec.ipFamilies", ".spec.ipFamilyPolicy", ".spec.clusterIPs"),
  merge("dual", '{"spec":{"ipFamilyPolicy":"RequireDualStack"}}'),
  show("dual", ".spec.ipFamilies", ".spec.ipFamilyPolicy", ".spec.clusterIPs"),
  merge("dual", '{"spec":{"ipFamilies":["IPv6","IPv4"]}}'),
  kubectl("get service dual-only -o jsonpath='{.spec.clusterIPs}'"),

  // Without an address: headless, with and without selector.
  service("headless", `{clusterIP: None, selector: {app: web}, ${ports}}`),
  service("headless-free", "{clusterIP: None}"),
  kubectl("get services headless headless-free"),
  kubectl("get service headless -o yaml"),
  show("headless-free", ".spec.ipFamilies", ".spec.ipFamilyPolicy", ".spec.clusterIPs"),
  merge("headless", '{"spec":{"clusterIP":"10.96.0.63","clusterIPs":["10.96.0.63"]}}'),

  // More fields of a Service.
  service(
    "more",
    `{clusterIP: 10.96.0.64, externalIPs: [198.51.100.7], publishNotReadyAddresses: true, trafficDistribution: PreferSameZone, internalTrafficPolicy: Local, sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 90}}, ${ports}}`,
  ),
  kubectl("get service more"),
  kubectl("describe service more"),
  service(
    "address",
    `{type: LoadBalancer, loadBalancerIP: 203.0.113.8, clusterIP: 10.96.0.65, ports: [{port: 80, nodePort: 30056}]}`,
  ),
  kubectl("get service address"),
  kubectl("describe service address"),

  // Finalizers hold a Service; the API server frees its address only when it goes.
  service("held", `{clusterIP: 10.96.0.66, ${ports}}`, ", finalizers: [proxy.berth.dev/resources]"),
  service("held-too", `{clusterIP: 10.96.0.67, ${ports}}`, ", finalizers: [plain]"),
  service("held-too", `{clusterIP: 10.96.0.67, ${ports}}`, ", finalizers: [example.com/plain]"),
  kubectl("delete service held --wait=false"),
  kubectl(
    "get service held -o jsonpath='{.metadata.finalizers} {.metadata.deletionGracePeriodSeconds} {.metadata.deletionTimestamp}'",
  ),
  kubectl("describe service held"),
  merge("held", '{"metadata":{"finalizers":["proxy.berth.dev/resources","example.com/late"]}}'),
  service("squatter", `{clusterIP: 10.96.0.66, ${ports}}`),
  kubectl("delete service held", { during: [merge("held", '{"metadata":{"finalizers":null}}')] }),
  service("squatter", `{clusterIP: 10.96.0.66, ${ports}}`),
  kubectl(
    `patch service squatter --subresource=status --type=merge -p '{"metadata":{"finalizers":["proxy.berth.dev/resources"],"annotations":{"example.com/a":"1"},"labels":{"a":"b"}},"spec":{"selector":{"a":"b"}}}'`,
  ),
  show("squatter", ".metadata.finalizers", ".metadata.annotations", ".metadata.labels", ".spec.selector"),
  merge("squatter", '{"metadata":{"finalizers":[]}}'),

  // Generated names.
  withManifest(
    "create -o name",
    "{apiVersion: v1, kind: Service, metadata: {generateName: probe-}, spec: {clusterIP: 10.96.0.70, ports: [{port: 80}]}}\n",
    { capture: "probe" },
  ),
  kubectl("get ${probe} -o jsonpath='{.metadata.generateName} {.metadata.name}'"),
  kubectl("delete ${probe}"),
  kubectl("delete services --all", { during: [merge("held-too", '{"metadata":{"finalizers":null}}')] }),
  kubectl("get services"),
];
