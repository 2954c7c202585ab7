// The Kubernetes API as a client sees it: transport, reflectors into stores, the work queue, events, patches and
// leadership. Invariants: every call takes the signal that ends it; a store equals what the server has, however
// often connections break; a key is never worked on twice at a time. Knows no Service and no load balancer.
export {
  type DeleteOptions,
  KubeClient,
  type KubeClientOptions,
  type KubeObject,
  type ObjectAt,
  type Page,
  type Patch,
  type Selection,
} from "./client.ts";
export {
  type Credentials,
  type KubeConnection,
  staticConnection,
  type TlsCredentials,
} from "./connection.ts";
export {
  BrokenStreamError,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  isUnauthorized,
  KubeApiError,
  type StatusCause,
} from "./errors.ts";
export { EventRecorder, type EventRecorderOptions, type EventText, type Regarding } from "./event-recorder.ts";
export { inClusterConnection } from "./in-cluster.ts";
export { loadKubeconfig } from "./kubeconfig.ts";
export {
  defaultLeaseTimes,
  LeaseElection,
  type LeaseElectionOptions,
  LeaseLostError,
  type LeaseTimes,
} from "./lease-election.ts";
export { finalizerPatch, mergeDiff, upsertCondition } from "./patch.ts";
export { Reflector, type ReflectorOptions } from "./reflector.ts";
export type { KubeRequest, Query } from "./requests.ts";
export { type Index, Store, type StoreHandler, type StoreOptions } from "./store.ts";
export { microTime } from "./time.ts";
export type { WatchEvent } from "./watch-stream.ts";
export { initialPriority, type Work, WorkQueue, type WorkQueueOptions, type WorkResult } from "./work-queue.ts";
