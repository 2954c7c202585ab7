// The Kubernetes API as a client sees it: transport, reflectors into stores, the work queue, events, patches and
// leadership. Invariants: every call takes the signal that ends it; a store equals what the server has, however
// often connections break; a key is never worked on twice at a time. Knows no Service and no load balancer.
export { KubeClient, type KubeObject } from "./client.ts";
export { type Credentials, type KubeConnection, staticConnection } from "./connection.ts";
export {
  BadAnswerError,
  BrokenStreamError,
  ConnectionError,
  isAlreadyExists,
  isCertificateError,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNamespaceEnding,
  isNotFound,
  isTooManyRequests,
  isUnauthorized,
  KubeApiError,
} from "./errors.ts";
export { EventRecorder, type EventText } from "./event-recorder.ts";
export { type Fence, FencedError } from "./fence.ts";
export type { LeadersWork } from "./holders.ts";
export { inClusterConnection } from "./in-cluster.ts";
export { loadKubeconfig } from "./kubeconfig.ts";
export { LeaseElection, LeaseLostError, type LeaseTimes } from "./lease-election.ts";
export { finalizerPatch, mergeDiff, upsertCondition } from "./patch.ts";
export { Reflector } from "./reflector.ts";
export type { KubeRequest } from "./requests.ts";
export { Store, type StoreHandler, type StoreOptions } from "./store.ts";
export { microTime, wireTime } from "./time.ts";
export type { WatchEvent } from "./watch-stream.ts";
export {
  driftPriority,
  initialPriority,
  type QueueState,
  type Work,
  WorkQueue,
  type WorkResult,
} from "./work-queue.ts";
