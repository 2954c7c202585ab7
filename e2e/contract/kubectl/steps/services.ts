import { kubectl, type Step, withManifest } from "../step.ts";

function web(port: number): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {app: web}
spec:
  clusterIP: 10.96.0.20
  selector: {app: web}
  ports:
  - name: http
    port: ${port}
    targetPort: 8080
`;
}

const door = `apiVersion: v1
kind: Service
metadata:
  name: door
  labels: {app: web, tier: edge}
spec:
  type: NodePort
  clusterIP: 10.96.0.21
  selector: {app: web}
  ports:
  - name: http
    port: 80
    targetPort: http
    nodePort: 30010
  - name: dns
    port: 53
    protocol: UDP
    nodePort: 30011
`;

const edge = `apiVersion: v1
kind: Service
metadata:
  name: edge
  labels: {app: web, tier: edge}
spec:
  type: LoadBalancer
  loadBalancerClass: berth.dev/proxy
  clusterIP: 10.96.0.22
  externalTrafficPolicy: Local
  healthCheckNodePort: 30050
  loadBalancerSourceRanges: [192.0.2.0/24, "2001:db8::/32"]
  sessionAffinity: ClientIP
  selector: {app: web}
  ports:
  - name: http
    port: 80
    nodePort: 30020
    appProtocol: kubernetes.io/h2c
  - name: https
    port: 443
    nodePort: 30021
`;

const outside = `apiVersion: v1
kind: Service
metadata:
  name: outside
spec:
  type: ExternalName
  externalName: db.example.com
`;

const ingress = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: "203.0.113.7", ipMode: "Proxy" }] } } });

/** The life of Services of every type: apply, read in every format, label, patch, edit, replace, expose, delete. */
export const serviceSteps: readonly Step[] = [
  withManifest("apply --dry-run=server", web(80)),
  kubectl("get services"),
  withManifest("apply", web(80)),
  withManifest("apply", web(80)),
  withManifest("diff", web(8081)),
  withManifest("apply", web(8081)),
  withManifest("diff", web(8081)),
  withManifest("apply", `${door}---\n${edge}---\n${outside}`),
  withManifest("apply", `${door}---\n${edge}---\n${outside}`),
  kubectl("get services"),
  kubectl("get services -o wide"),
  kubectl("get service web -o yaml"),
  kubectl("get service edge -o json"),
  kubectl("get service door -o yaml"),
  kubectl("get service outside -o yaml"),
  kubectl("get services -o name"),
  kubectl("get services --sort-by=.spec.type"),
  kubectl("get services --no-headers -o custom-columns=NAME:.metadata.name"),
  kubectl("get services --sort-by='{.spec.ports[0].port}' -o name"),
  kubectl("get services --show-labels -l app=web"),
  kubectl("get services -L tier"),
  kubectl("get services -l 'tier=edge,app!=api' -o name"),
  kubectl("get services -l '!tier' -o name"),
  kubectl("get services --field-selector metadata.name=web"),
  kubectl("get services --field-selector spec.type=LoadBalancer -o name"),
  kubectl("get services --field-selector spec.nonsense=1"),
  kubectl("get services -A --field-selector metadata.namespace=shop -o wide"),
  kubectl("get services -A", { keep: /^NAMESPACE|^default |^shop / }),
  kubectl("get services --chunk-size=2 -o name"),
  kubectl("get services -o custom-columns=NAME:.metadata.name,TYPE:.spec.type,PORTS:.spec.ports[*].port"),
  kubectl(
    `get services -o jsonpath='{range .items[*]}{.metadata.name}{" "}{.spec.internalTrafficPolicy}{" "}{.spec.ipFamilies}{"\\n"}{end}'`,
  ),
  kubectl(`get services -o go-template='{{range .items}}{{.metadata.name}} {{.spec.sessionAffinity}}{{"\\n"}}{{end}}'`),
  kubectl("get service web edge"),
  kubectl("get service/web namespace/shop -o name"),
  kubectl("get service absent"),
  kubectl("get service absent --ignore-not-found"),
  kubectl("describe service web"),
  kubectl("describe service door"),
  kubectl("describe service edge"),
  kubectl("describe service outside"),
  kubectl("describe service absent"),

  kubectl("label service web tier=inner"),
  kubectl("label service web tier=edge"),
  kubectl("label services -l app=web checked=yes"),
  kubectl("annotate service web example.com/note='hello there' example.com/more=1"),
  kubectl("annotate service web example.com/note=other"),
  kubectl("annotate service web example.com/note- example.com/more-"),
  kubectl("annotate service web 'bad key=1'"),
  kubectl("set selector service web app=web,track=stable"),
  kubectl("get service web -o jsonpath='{.spec.selector}'"),
  kubectl(`patch service web -p '{"spec":{"ports":[{"port":8081,"targetPort":9090}]}}'`),
  kubectl(`patch service web -p '{"spec":{"ports":[{"port":9000,"name":"admin"}]}}'`),
  kubectl("get service web -o jsonpath='{.spec.ports}'"),
  kubectl(`patch service web -p '{"spec":{"ports":[{"port":9000,"$patch":"delete"}],"selector":{"track":null}}}'`),
  kubectl("get service web -o jsonpath='{.spec.ports} {.spec.selector}'"),
  kubectl(`patch service web --type=merge -p '{"spec":{"sessionAffinity":"ClientIP"}}'`),
  kubectl(`patch service web --type=merge -p '{"spec":{"sessionAffinity":"ClientIP"}}'`),
  kubectl("get service web -o jsonpath='{.spec.sessionAffinity} {.spec.sessionAffinityConfig}'"),
  kubectl(`patch service web --type=merge -p '{"spec":{"sessionAffinity":"None"}}'`),
  kubectl("get service web -o jsonpath='{.spec.sessionAffinity} {.spec.sessionAffinityConfig}'"),
  kubectl(`patch service web --type=json -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":"web"}]'`),
  kubectl(`patch service web --type=json -p '[{"op":"test","path":"/spec/ports/0/port","value":1}]'`),
  kubectl(`patch service web --type=json -p '[{"op":"remove","path":"/spec/nothing"}]'`),
  kubectl(`patch service web --type=merge -p '{"spec":{"ports":"all"}}'`),
  kubectl(`patch service absent --type=merge -p '{"spec":{}}'`),
  kubectl("edit service web", { sed: "s/targetPort: web/targetPort: 8082/" }),
  kubectl("edit service web", { sed: "s/nothing/something/" }),
  kubectl("edit service web -o json", { sed: 's/"port": 8081/"port": 8083/' }),
  kubectl("get service web"),

  kubectl(`patch service edge --subresource=status --type=merge -p '${ingress}'`),
  kubectl("get service edge"),
  kubectl("get service edge --subresource=status -o jsonpath='{.status}'"),
  kubectl("describe service edge"),
  kubectl(`patch service edge --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.99"}]}}}'`),
  kubectl("get service edge -o jsonpath='{.status.loadBalancer.ingress}'"),
  kubectl("wait service/edge --for=jsonpath='{.status.loadBalancer.ingress[0].ip}'=203.0.113.7 --timeout=10s"),
  kubectl("wait service/edge --for=jsonpath='{.status.loadBalancer.ingress[0].hostname}' --timeout=1s"),
  kubectl("wait service/absent --for=delete --timeout=10s"),
  kubectl(`patch service web --subresource=status --type=merge -p '${ingress}'`),

  kubectl("get service web -o jsonpath='resourceVersion={.metadata.resourceVersion}'", { capture: "stale" }),
  kubectl("label service web touched=yes"),
  withManifest(
    "replace",
    `apiVersion: v1
kind: Service
metadata: {name: web, resourceVersion: "\${stale}"}
spec: {clusterIP: 10.96.0.20, ports: [{port: 80}]}
`,
  ),
  withManifest(
    "replace",
    `apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: http, port: 8084}]}
`,
  ),
  kubectl("get service web -o wide --show-labels"),
  withManifest("replace", outside.replace("name: outside", "name: absent")),

  kubectl("create service clusterip plain --tcp=80:8080 --clusterip=10.96.0.30"),
  kubectl("create service nodeport plain-door --tcp=80:8080 --node-port=30030"),
  kubectl("create service loadbalancer plain-edge --tcp=80:8080 --tcp=443:8443"),
  kubectl("create service externalname plain-outside --external-name=www.example.com"),
  kubectl("create service clusterip plain-headless --clusterip=None"),
  kubectl("create service clusterip plain --tcp=80:8080"),
  kubectl("create service nodeport plain-taken --tcp=80:8080 --node-port=30030"),
  kubectl("get service plain plain-door plain-edge plain-outside plain-headless"),
  kubectl("get service plain-edge -o yaml"),
  kubectl("expose service plain --name=exposed --port=8080 --target-port=9090 --type=NodePort"),
  kubectl(
    "get service exposed -o jsonpath='{.spec.selector} {.spec.ports[0].port} {.spec.ports[0].targetPort} {.spec.type}'",
  ),

  kubectl("delete service plain plain-door"),
  kubectl("delete services -l 'app in (plain-edge, plain-outside)'"),
  kubectl("delete service exposed --dry-run=server"),
  kubectl("delete service plain"),
  kubectl("delete service plain --ignore-not-found"),
  withManifest("delete", `${outside}---\n${door}`),
  kubectl("get services -o name"),
  kubectl("delete services --all"),
  kubectl("get services"),
];
