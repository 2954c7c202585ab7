import { kubectl, type Step, withManifest } from "../step.ts";

const pod = `apiVersion: v1
kind: Pod
metadata:
  name: echo-1
  labels: {app: echo}
spec:
  containers:
  - name: echo
    image: example.com/echo:1
    ports:
    - {name: http, containerPort: 8080}
`;

const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: echo-1
  labels: {kubernetes.io/service-name: echo}
addressType: IPv4
ports:
- {name: "", port: 8080, protocol: TCP}
endpoints:
- addresses: [10.244.1.5]
  nodeName: node-a
  zone: zone-1
  conditions: {ready: true, serving: true, terminating: false}
  targetRef: {kind: Pod, namespace: shop, name: echo-1}
- addresses: [10.244.2.5]
  nodeName: node-b
  conditions: {ready: false, serving: false, terminating: false}
`;

const lease = `apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: berth-agent-node-a}
spec: {holderIdentity: node-a, leaseDurationSeconds: 40, renewTime: "2026-01-02T03:04:05.678901Z"}
`;

const event = `apiVersion: v1
kind: Event
metadata: {name: echo.1}
involvedObject: {apiVersion: v1, kind: Service, namespace: shop, name: echo, uid: "\${echo}"}
type: Normal
reason: EnsuredLoadBalancer
message: Ensured load balancer
source: {component: berth}
firstTimestamp: "2026-01-02T03:04:05Z"
lastTimestamp: "2026-01-02T03:04:05Z"
count: 1
`;

/** Deployments and Pods as far as an API server alone takes them, EndpointSlices, Leases, Events, owners. */
export const workloadSteps: readonly Step[] = [
  kubectl("create deployment echo --image=example.com/echo:1 --replicas=2 --port=8080"),
  kubectl("get deployment echo"),
  kubectl("get deployments -o wide"),
  kubectl("scale deployment echo --replicas=5"),
  kubectl("scale deployment echo --replicas=3 --current-replicas=4"),
  kubectl("get deployment echo -o jsonpath='{.spec.replicas} {.metadata.generation}'"),
  kubectl("get deployment echo --subresource=scale"),
  kubectl("scale deployment absent --replicas=1"),
  kubectl("scale deployment echo --replicas=-1"),
  kubectl("set image deployment/echo echo=example.com/echo:2"),
  kubectl(
    `patch deployment echo -p '{"spec":{"template":{"spec":{"containers":[{"name":"echo","imagePullPolicy":"Never"}]}}}}'`,
  ),
  kubectl("get deployment echo -o jsonpath='{.spec.template.spec.containers}'"),
  kubectl(`patch deployment echo --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}'`),
  kubectl("describe deployment echo", { keep: /^(Name|Namespace|Labels|Annotations|Selector|Replicas|StrategyType)/ }),
  kubectl("expose deployment echo --port=80 --target-port=http --name=echo --cluster-ip=10.96.0.75"),
  kubectl("get service echo -o wide"),
  kubectl("scale service echo --replicas=1"),

  withManifest("apply", pod),
  withManifest("apply", pod),
  kubectl("get pod echo-1"),
  kubectl("get pods -o wide"),
  kubectl(
    `patch pod echo-1 --subresource=status --type=merge -p '${JSON.stringify({
      status: {
        phase: "Running",
        podIP: "10.244.1.5",
        podIPs: [{ ip: "10.244.1.5" }],
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [
          {
            name: "echo",
            image: "example.com/echo:1",
            imageID: "",
            ready: true,
            restartCount: 0,
            state: { running: {} },
          },
        ],
      },
    })}'`,
  ),
  kubectl("get pods"),
  kubectl("get pods --field-selector status.phase=Running -o name"),
  kubectl("get pods --field-selector spec.nodeName=node-a -o name"),
  kubectl("get pods --field-selector spec.nodeName= -l app=echo -o name"),
  kubectl("wait pod/echo-1 --for=condition=Ready --timeout=10s"),
  kubectl(
    "get pod echo-1 -o jsonpath='{.spec.restartPolicy} {.spec.dnsPolicy} {.spec.terminationGracePeriodSeconds} {.status.qosClass}'",
  ),
  kubectl("describe pod echo-1", {
    keep: /^(Name|Namespace|Labels|Status|IP|IPs|QoS Class|  IP|  echo|    (Image|Port))/,
  }),

  withManifest("apply", slice),
  kubectl("get endpointslices"),
  kubectl("get endpointslices -l kubernetes.io/service-name=echo -o yaml"),
  kubectl("describe endpointslice echo-1"),
  kubectl("describe service echo"),
  kubectl(`patch endpointslice echo-1 --type=merge -p '{"addressType":"IPv6"}'`),
  withManifest("create", slice.replace("name: echo-1", "name: bad").replace("10.244.1.5", "10.244.1.500")),
  kubectl("delete endpointslice echo-1"),

  withManifest("create", lease),
  kubectl("get leases"),
  kubectl("get lease berth-agent-node-a -o jsonpath='{.spec}'"),
  withManifest("create", lease.replace("berth-agent-node-a}", "bad}").replace("Seconds: 40", "Seconds: 0")),

  kubectl("get service echo -o jsonpath='uid={.metadata.uid}'", { capture: "echo" }),
  withManifest("create", event),
  kubectl("get events --field-selector involvedObject.name=echo"),
  kubectl("events --for service/echo"),
  kubectl("get event.events.k8s.io echo.1 -o jsonpath='{.regarding.name} {.note} {.deprecatedCount}'"),
  kubectl("describe service echo"),
  kubectl("delete event echo.1"),

  kubectl("get deployment echo -o jsonpath='uid={.metadata.uid}'", { capture: "owner" }),
  withManifest(
    "create",
    `apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: echo-5d8f
  labels: {app: echo}
  ownerReferences:
  - {apiVersion: apps/v1, kind: Deployment, name: echo, uid: \${owner}, controller: true, blockOwnerDeletion: true}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec: {containers: [{name: echo, image: example.com/echo:1}]}
`,
  ),
  kubectl("get replicasets -o wide"),
  kubectl("get replicaset echo-5d8f -o jsonpath='{.metadata.ownerReferences}'"),
  kubectl("delete deployment echo --cascade=orphan --dry-run=server"),
  kubectl("delete pod echo-1 --grace-period=0 --force"),
  kubectl("delete replicaset echo-5d8f --cascade=background"),
  kubectl("delete deployment echo"),
  kubectl("delete service echo"),
  kubectl("get all"),
  kubectl("delete namespace shop --wait=false"),
];
