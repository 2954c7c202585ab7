// The official client's informer as its README shows it. Takes a kubeconfig.
import { observe } from "./observer.ts";

const { DiscoveryV1Api, KubeConfig, makeInformer } = await import("@kubernetes/client-node");
const [kubeconfig = ""] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const api = config.makeApiClient(DiscoveryV1Api);
const informer = makeInformer(config, "/apis/discovery.k8s.io/v1/endpointslices", () =>
  api.listEndpointSliceForAllNamespaces(),
);

await observe(({ added, updated, deleted }) => {
  const start = (): void => void informer.start().catch(restart);
  // It ends for good at most errors, and leaves it to its user to begin again.
  const restart = (): void => void setTimeout(start, 1000);
  informer.on("add", added);
  informer.on("update", updated);
  informer.on("delete", deleted);
  informer.on("error", restart);
  start();
});
