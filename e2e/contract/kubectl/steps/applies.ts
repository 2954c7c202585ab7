import { kubectl, type Step, withManifest } from "../step.ts";

function apply(spec: string, words = "apply"): Step {
  return withManifest(
    words,
    `apiVersion: v1
kind: Service
metadata:
  name: grown
spec: ${spec}
`,
  );
}

const shape = kubectl("get service grown -o jsonpath='{.spec.type} {.spec.clusterIP} {.spec.ports} {.spec.selector}'");

/** One Service whose manifest changes over time: what each apply adds, keeps and takes away. */
export const applySteps: readonly Step[] = [
  apply("{clusterIP: 10.96.0.110, selector: {app: a}, ports: [{name: http, port: 80}, {name: https, port: 443}]}"),
  kubectl("apply view-last-applied service grown"),
  // What others wrote stays: an apply takes away only what an earlier apply brought.
  kubectl("label service grown by-hand=yes"),
  apply("{selector: {app: a, tier: b}, ports: [{name: http, port: 80}]}"),
  shape,
  kubectl("label service grown --list"),
  apply(
    "{type: NodePort, selector: {app: a}, ports: [{name: http, port: 80, nodePort: 30070}]}",
    "apply --dry-run=server",
  ),
  apply("{type: NodePort, selector: {app: a}, ports: [{name: http, port: 80, nodePort: 30070}]}", "diff"),
  apply("{type: NodePort, selector: {app: a}, ports: [{name: http, port: 80, nodePort: 30070}]}"),
  shape,
  apply("{type: LoadBalancer, selector: {app: a}, ports: [{name: http, port: 80}]}"),
  shape,
  apply("{selector: {app: a}, ports: [{name: http, port: 80}]}"),
  shape,
  apply("{clusterIP: 10.96.0.111, selector: {app: a}, ports: [{name: http, port: 80}]}"),
  apply("{clusterIP: 10.96.0.111, selector: {app: a}, ports: [{name: http, port: 80}]}", "replace --force"),
  shape,
  apply("{type: ExternalName, externalName: db.example.com}"),
  apply("{type: ExternalName, externalName: db.example.com, clusterIP: null, ports: null, selector: null}"),
  shape,
  apply("{clusterIP: 10.96.0.112, ports: [{port: 53, protocol: UDP}, {port: 53}]}"),
  apply("{clusterIP: 10.96.0.112, ports: [{name: udp, port: 53, protocol: UDP}, {name: tcp, port: 53}]}"),
  shape,
  apply("{clusterIP: 10.96.0.112, ports: [{name: tcp, port: 53}]}"),
  shape,
  kubectl("label service grown --resource-version=1 by-hand=no --overwrite"),
  kubectl(`patch service grown --dry-run=server -o jsonpath='{.spec.selector}' -p '{"spec":{"selector":{"app":"c"}}}'`),
  kubectl("get service grown -o jsonpath='{.spec.selector}'"),
  apply("{}", "get"),
  apply("{}", "delete"),
  apply("{clusterIP: 10.96.0.113, ports: [{port: 80}]}", "create --save-config"),
  apply("{clusterIP: 10.96.0.113, ports: [{port: 81}]}"),
  shape,
  kubectl("delete service grown --now"),
];
