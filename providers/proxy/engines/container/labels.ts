import type { LbIdentity } from "../../../../src/model/index.ts";
import type { Maker } from "../../observation.ts";
import type { Place } from "../engine.ts";

/** What our containers bear, so that they are found and known without anything else. */
const keys = {
  cluster: "berth.dev/cluster",
  uid: "berth.dev/service-uid",
  namespace: "berth.dev/service-namespace",
  name: "berth.dev/service-name",
  /** Docker Desktop tells another path for what is mounted than it was told. */
  directory: "berth.dev/directory",
} as const;

type Labels = Readonly<Record<string, string>>;

export function labelsOf({ id, names }: Place): Labels {
  return {
    [keys.cluster]: id.clusterId,
    [keys.uid]: id.uid,
    [keys.namespace]: id.namespace,
    [keys.name]: id.name,
    [keys.directory]: names.directory,
  };
}

/** The label that all containers of a cluster bear. */
export function clusterLabel(clusterId: string): string {
  return `${keys.cluster}=${clusterId}`;
}

/** The label of every container of ours. */
export const anyCluster: string = keys.cluster;

export function makerOf(labels: Labels): Maker | "nobody" {
  const { [keys.cluster]: clusterId, [keys.uid]: uid } = labels;
  return clusterId === undefined || uid === undefined ? "nobody" : { clusterId, uid };
}

export function directoryOf(labels: Labels): string | undefined {
  return labels[keys.directory];
}

/** Undefined when it does not bear all that it should. */
export function identityOf(labels: Labels): LbIdentity | undefined {
  const { [keys.cluster]: clusterId, [keys.uid]: uid, [keys.namespace]: namespace, [keys.name]: name } = labels;
  if (clusterId === undefined || uid === undefined || namespace === undefined || name === undefined) return undefined;
  return { clusterId, uid, namespace, name };
}
