// The contender that is ours: a Reflector into a Store, connected as in a pod. Takes the folder with the token and CA.
import { endpointSlices } from "../../src/api/index.ts";
import { inClusterConnection, KubeClient, Reflector, Store } from "../../src/kube/index.ts";
import { createLogger, createMetrics } from "../../src/telemetry/index.ts";
import { observe } from "./observer.ts";

const [folder = ""] = process.argv.slice(2);
const metrics = createMetrics();
const logger = createLogger({ level: "error", format: "text", stream: process.stderr });
const store = new Store({ kind: endpointSlices.kind, logger, metrics });
const client = new KubeClient({ connection: await inClusterConnection(process.env, { folder }), metrics });
const reflector = new Reflector({ client, resource: endpointSlices, store, logger, metrics });

await observe(({ added, updated, deleted }) => {
  store.subscribe({ add: added, update: (_, after) => updated(after), delete: deleted });
  void reflector.run(new AbortController().signal);
});
