import { kubectl, type Step, withManifest } from "../step.ts";

const create = withManifest(
  "create",
  "{apiVersion: v1, kind: Service, metadata: {name: live, labels: {app: live}}, spec: {clusterIP: 10.96.0.80, ports: [{port: 80}]}}\n",
);

function status(ip: string): Step {
  return kubectl(
    `patch service live --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"${ip}"}]}}}'`,
  );
}

/** Commands that run while others change what they look at. */
export const watchSteps: readonly Step[] = [
  create,
  kubectl("get services -w", {
    lines: 6,
    during: [
      kubectl(`patch service live -p '{"spec":{"type":"LoadBalancer","ports":[{"port":80,"nodePort":30060}]}}'`),
      status("203.0.113.10"),
      status("203.0.113.11"),
      kubectl("delete service live"),
    ],
  }),
  kubectl("get services -w --output-watch-events -l app=live", {
    lines: 4,
    during: [
      create,
      kubectl("label service live app=moved --overwrite"),
      kubectl("label service live app=live --overwrite"),
    ],
  }),
  kubectl("get service live --watch-only -o jsonpath='{.metadata.labels.round}{\"\\n\"}'", {
    lines: 2,
    during: [kubectl("label service live round=1"), kubectl("label service live round=2 --overwrite")],
  }),
  kubectl("get services -A --watch-only --field-selector metadata.name=live -o name", {
    lines: 1,
    during: [kubectl("label service live round-")],
  }),
  kubectl("wait service/live --for=jsonpath='{.status.loadBalancer.ingress}' --timeout=30s", {
    during: [kubectl(`patch service live -p '{"spec":{"type":"LoadBalancer"}}'`), status("203.0.113.12")],
  }),
  kubectl("wait services -l app=live --for=delete --timeout=30s", { during: [kubectl("delete service live")] }),
  kubectl("wait service/live --for=create --timeout=30s", { during: [create] }),
  kubectl("delete service live"),
];
