// What the demo applies: the objects that a user would write.

export const serviceName = "echo";
export const httpPort = 80;

/** A Deployment of echo pods and the LoadBalancer Service in front of them, as `kubectl apply -f -` reads it. */
export function manifest(replicas: number, silentPods: number): string {
  const items = [
    deployment("echo", replicas, []),
    ...(silentPods > 0 ? [deployment("echo-silent", silentPods, [{ name: "ECHO_SILENT", value: "true" }])] : []),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: serviceName, namespace: "default" },
      spec: {
        type: "LoadBalancer",
        selector: { app: "echo" },
        ports: [
          { name: "http", port: httpPort, targetPort: 8080, protocol: "TCP" },
          { name: "udp", port: 5353, targetPort: 5353, protocol: "UDP" },
        ],
      },
    },
  ];
  return items.map((item) => JSON.stringify(item)).join("\n---\n");
}

function deployment(name: string, replicas: number, env: readonly { name: string; value: string }[]): object {
  const labels = { app: "echo", deployment: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: "echo",
              image: "berth.dev/echo",
              env,
              ports: [
                { name: "http", containerPort: 8080, protocol: "TCP" },
                { name: "udp", containerPort: 5353, protocol: "UDP" },
              ],
            },
          ],
        },
      },
    },
  };
}
