import { type ObjectMeta, type Resource, resourcePath } from "../api/index.ts";
import { type Clock, systemClock } from "../base/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { checkList, checkObject } from "./answers.ts";
import type { KubeConnection } from "./connection.ts";
import { isGone } from "./errors.ts";
import type { Fence } from "./fence.ts";
import { type KubeRequest, type Query, RequestDoor } from "./requests.ts";
import { type WatchEvent, withoutManagedFields } from "./watch-stream.ts";
import { defaultWatchTimes, WatchDoor, type WatchTimes } from "./watches.ts";

/** Anything that an API server stores. */
export interface KubeObject {
  readonly metadata: ObjectMeta;
}

/** Which object, or which part of it. */
export interface ObjectAt {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly subresource?: string;
}

/** Which objects of a kind; every namespace when none is named. */
export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface Page<T> {
  readonly items: T[];
  readonly resourceVersion: string;
  /** Set when there is more. */
  readonly continue?: string;
}

export type Patch =
  | { readonly type: "merge" | "strategic"; readonly body: object }
  | { readonly type: "json"; readonly body: readonly object[] };

export interface DeleteOptions {
  readonly propagation?: "Foreground" | "Background" | "Orphan";
  /** Only if the object is still this one. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface KubeClientOptions {
  readonly connection: KubeConnection;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly watchTimes?: WatchTimes;
  /** Asked before every request that is no read. */
  readonly fence?: Fence;
}

/** The connections of a client. */
interface Doors {
  readonly requests: RequestDoor;
  readonly watches: WatchDoor;
}

const patchTypes: Readonly<Record<Patch["type"], string>> = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  json: "application/json-patch+json",
};

const pageSize = 500;

/** Talks to one API server. Every call takes the signal that ends it, and throws `KubeApiError` or `ConnectionError`. */
export class KubeClient implements AsyncDisposable {
  readonly #options: KubeClientOptions;
  readonly #doors: Doors;

  constructor(options: KubeClientOptions, doors: Doors = openDoors(options)) {
    this.#options = options;
    this.#doors = doors;
  }

  /**
   * A client on the same connections that sends nothing but reads unless `fence` agrees at the moment of sending;
   * it throws `FencedError` then. Only the client that it was made from is disposed.
   */
  fenced(fence: Fence): KubeClient {
    return new KubeClient({ ...this.#options, fence }, this.#doors);
  }

  async request<T>(request: KubeRequest): Promise<T> {
    const fence = request.method === "GET" ? undefined : this.#options.fence;
    return (await this.#doors.requests.send({ ...request, fence })) as T;
  }

  async get<T extends KubeObject>(resource: Resource<T>, at: ObjectAt, signal: AbortSignal): Promise<T> {
    const path = resourcePath(resource, at);
    return stored(resource, await this.request({ method: "GET", path, signal }), `GET ${path}`);
  }

  /** One page: at most 500 objects, as they are now. */
  async list<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, ...selectors }: Selection & { readonly limit?: number; readonly continue?: string | undefined },
    signal: AbortSignal,
  ): Promise<Page<T>> {
    const path = resourcePath(resource, { namespace });
    const query = { limit: pageSize, ...selectors };
    const answer = checkList(await this.request({ method: "GET", path, query, signal }), resource, `GET ${path}`);
    const { resourceVersion = "", continue: next = "" } = answer.metadata;
    // The server leaves out of a list's items what a watch event says of each.
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const items = (answer.items ?? []).map((item) => withoutManagedFields({ ...type, ...item }));
    return { items, resourceVersion, ...(next !== "" && { continue: next }) };
  }

  /** All pages. A page token that expired on the way starts again, this time in one piece. */
  async listAll<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    signal: AbortSignal,
  ): Promise<Page<T>> {
    let page = await this.list(resource, selection, signal);
    const items = page.items;
    while (page.continue !== undefined) {
      try {
        page = await this.list(resource, { ...selection, continue: page.continue }, signal);
      } catch (error) {
        if (!isGone(error)) throw error;
        return await this.list(resource, { ...selection, limit: 0 }, signal);
      }
      for (const item of page.items) items.push(item);
    }
    return { items, resourceVersion: page.resourceVersion };
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, signal: AbortSignal): Promise<T> {
    const path = resourcePath(resource, { namespace: object.metadata.namespace });
    const answer = await this.request({
      method: "POST",
      path,
      body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
      signal,
    });
    return stored(resource, answer, `POST ${path}`);
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    at: ObjectAt,
    { type, body }: Patch,
    signal: AbortSignal,
  ): Promise<T> {
    const path = resourcePath(resource, at);
    const answer = await this.request({
      method: "PATCH",
      path,
      contentType: patchTypes[type],
      body,
      signal,
    });
    return stored(resource, answer, `PATCH ${path}`);
  }

  /** A merge patch of the object as it was read: refused with 409 when somebody wrote it since. */
  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    { metadata: { namespace, name = "", resourceVersion } }: KubeObject,
    body: object,
    signal: AbortSignal,
    part: { readonly subresource?: string } = {},
  ): Promise<T> {
    const { metadata = {} } = body as { metadata?: object };
    const guarded = { ...body, metadata: { ...metadata, resourceVersion } };
    return await this.patch(resource, { namespace, name, ...part }, { type: "merge", body: guarded }, signal);
  }

  async delete<T>(
    resource: Resource<T>,
    at: ObjectAt,
    signal: AbortSignal,
    { propagation, uid, resourceVersion }: DeleteOptions = {},
  ): Promise<void> {
    await this.request({
      method: "DELETE",
      path: resourcePath(resource, at),
      body: {
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: propagation,
        preconditions: { uid, resourceVersion },
      },
      signal,
    });
  }

  /**
   * Events as they come, until the server ends the stream (normal after `timeoutSeconds`). Throws `KubeApiError` when
   * it refuses or sends an ERROR event, `BrokenStreamError` when a line is garbage or cut, `ConnectionError` else.
   */
  watch<T>(path: string, query: Query, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    return this.#doors.watches.open<T>(path, query, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#doors.requests[Symbol.asyncDispose](), this.#doors.watches[Symbol.asyncDispose]()]);
  }
}

function openDoors({
  connection,
  metrics,
  clock = systemClock,
  watchTimes = defaultWatchTimes,
}: KubeClientOptions): Doors {
  return {
    requests: new RequestDoor(connection, clock, metrics),
    watches: new WatchDoor(connection, clock, watchTimes),
  };
}

function stored<T extends KubeObject>(resource: Resource<T>, answer: unknown, what: string): T {
  return withoutManagedFields(checkObject(answer, resource, what));
}

function apiVersionOf({ group, version }: Resource<unknown>): string {
  return group === "" ? version : `${group}/${version}`;
}
