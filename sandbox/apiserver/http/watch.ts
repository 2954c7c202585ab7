import { type Clock, onAbort, type Random } from "../../../src/base/index.ts";
import { type FieldError, forbiddenField, notSupported } from "../field-error.ts";
import type { JsonMap, KubeObject } from "../object.ts";
import { apiVersionOf, type ResourceType } from "../resource-type.ts";
import type { Schemas } from "../schema.ts";
import { expired, invalidOptions, type StatusError, wrongVersion } from "../status.ts";
import { type Change, ExpiredError, type Store } from "../store.ts";
import type { Encoder } from "./encoder.ts";
import type { Sink, StreamAnswer } from "./message.ts";
import { type Form, table } from "./representation.ts";
import { parseSelection, type Selection } from "./selection.ts";

/** How often a client that asked for bookmarks gets one. */
const bookmarkMs = 60_000;
/** A watch without `timeoutSeconds` lives this long, and up to twice as long. */
const minTimeoutMs = 1_800_000;

export interface WatchContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly encoder: Encoder;
  readonly schemas: Schemas;
}

/** Serves one watch: what the client missed or does not know yet, then every change, until the time is over. */
export function watch(
  context: WatchContext,
  type: ResourceType,
  namespace: string | undefined,
  query: URLSearchParams,
  form: Form,
): StreamAnswer {
  const selection = parseSelection(type, namespace, query);
  const start = parseStart(query);
  return {
    contentType: "application/json",
    run: (sink, signal) => new WatchStream(context, type, selection, query, form, sink).run(start, signal),
  };
}

interface Start {
  /** Begin with the changes after this revision. */
  readonly after: number | undefined;
  /** Begin with everything that exists. */
  readonly all: boolean;
  /** Say when that is done. */
  readonly mark: boolean;
}

function parseStart(query: URLSearchParams): Start {
  const text = query.get("resourceVersion") ?? "";
  if (!/^\d*$/.test(text)) throw wrongVersion(`strconv.ParseUint: parsing "${text}": invalid syntax`);
  checkOptions(query);
  const version = Number(text);
  const sendInitialEvents = query.get("sendInitialEvents");
  if (sendInitialEvents === "true")
    return { after: undefined, all: true, mark: query.get("allowWatchBookmarks") === "true" };
  if (sendInitialEvents === "false" && version === 0) return { after: undefined, all: false, mark: false };
  // Version 0, or none: the newest state first, as synthetic additions.
  return version === 0 ? { after: undefined, all: true, mark: false } : { after: version, all: false, mark: false };
}

function checkOptions(query: URLSearchParams): void {
  const match = query.get("resourceVersionMatch") ?? "";
  const errors: FieldError[] = [];
  const forbid = (why: string): void => void errors.push(forbiddenField("resourceVersionMatch", why));
  if (query.has("sendInitialEvents") && match !== "NotOlderThan")
    forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  if (match !== "") {
    if (!query.has("sendInitialEvents"))
      forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    if (match !== "NotOlderThan") errors.push(notSupported("resourceVersionMatch", match, ["NotOlderThan"]));
    if (query.has("continue")) forbid("resourceVersionMatch is forbidden when continue is provided");
  }
  if (errors.length > 0) throw invalidOptions("ListOptions", errors);
}

class WatchStream {
  readonly #context: WatchContext;
  readonly #type: ResourceType;
  readonly #selection: Selection;
  readonly #query: URLSearchParams;
  readonly #form: Form;
  readonly #sink: Sink;
  readonly #done = Promise.withResolvers<void>();
  #hasHeader = false;
  /** What the client says it has seen: nothing up to here is sent. */
  #seen = 0;

  constructor(
    context: WatchContext,
    type: ResourceType,
    selection: Selection,
    query: URLSearchParams,
    form: Form,
    sink: Sink,
  ) {
    this.#context = context;
    this.#type = type;
    this.#selection = selection;
    this.#query = query;
    this.#form = form;
    this.#sink = sink;
  }

  async run(start: Start, signal: AbortSignal): Promise<void> {
    const { store, clock, random } = this.#context;
    using resources = new DisposableStack();
    resources.use(onAbort(signal, () => this.#done.resolve()));
    try {
      this.#begin(start);
    } catch (error) {
      if (!(error instanceof ExpiredError)) throw error;
      this.#fail(expired(error.message));
      return;
    }
    resources.use(store.subscribe(this.#type.collection, (change) => this.#change(change)));
    const seconds = Number(this.#query.get("timeoutSeconds") ?? 0);
    const timeoutMs = seconds > 0 ? seconds * 1000 : minTimeoutMs * (1 + random());
    const wantsBookmarks = this.#query.get("allowWatchBookmarks") === "true";
    resources.use(
      clock.schedule(() => {
        if (wantsBookmarks) this.#bookmark();
        this.#done.resolve();
      }, timeoutMs),
    );
    if (wantsBookmarks) this.#repeatBookmarks(resources);
    await this.#done.promise;
  }

  #begin({ after, all, mark }: Start): void {
    const { store } = this.#context;
    const { collection } = this.#type;
    if (after !== undefined) {
      // Also of a server that lost its state and is asked for its future: as kube-apiserver, it is mute till then.
      this.#seen = after;
      for (const change of store.changesSince(collection, after)) this.#change(change);
    }
    if (all)
      for (const object of store.list(collection)) if (this.#selection.includes(object)) this.#send("ADDED", object);
    if (mark) this.#bookmark({ "k8s.io/initial-events-end": "true" });
  }

  #repeatBookmarks(resources: DisposableStack): void {
    const { clock } = this.#context;
    let timer: Disposable | undefined;
    const next = (): void => {
      timer = clock.schedule(() => {
        this.#bookmark();
        next();
      }, bookmarkMs);
    };
    next();
    resources.defer(() => timer?.[Symbol.dispose]());
  }

  /** An object that leaves or enters the selection is deleted or added for this client. */
  #change({ before, object, deleted, revision }: Change): void {
    if (revision <= this.#seen) return;
    const was = before !== undefined && this.#selection.includes(before);
    const is = !deleted && this.#selection.includes(object);
    if (is) this.#send(was ? "MODIFIED" : "ADDED", object);
    else if (was) this.#send("DELETED", deleted ? object : atVersion(before, object));
  }

  #send(event: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    if (this.#form === "object") this.#write(event, this.#context.encoder.encode(this.#type, object));
    else this.#write(event, JSON.stringify(this.#represent(object)));
  }

  #represent(object: KubeObject): JsonMap {
    if (this.#form === "metadata")
      return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
    const isFirst = !this.#hasHeader;
    this.#hasHeader = true;
    const version = { resourceVersion: object.metadata.resourceVersion };
    return table(this.#type, [object], version, this.#query, this.#context.clock.now(), isFirst);
  }

  #bookmark(annotations?: Readonly<Record<string, string>>): void {
    if (this.#context.store.revision < this.#seen) return;
    const metadata = {
      resourceVersion: `${this.#context.store.revision}`,
      ...(annotations === undefined ? {} : { annotations }),
    };
    // An object of which only the version is set, with what Go's encoder writes for empty structs.
    const bookmark: JsonMap = { kind: this.#type.kind, apiVersion: apiVersionOf(this.#type), metadata };
    if (this.#type.custom === undefined) this.#context.schemas.applyDefaults(this.#type.schema, bookmark);
    const object =
      this.#form === "object"
        ? bookmark
        : this.#form === "metadata"
          ? { ...bookmark, kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" }
          : {
              kind: "Table",
              apiVersion: "meta.k8s.io/v1",
              metadata,
              columnDefinitions: null,
              rows: [{ cells: [], object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata } }],
            };
    this.#write("BOOKMARK", JSON.stringify(object));
  }

  #fail(error: StatusError): void {
    this.#write("ERROR", JSON.stringify(error.toStatus()));
  }

  #write(type: string, object: string): void {
    if (!this.#sink.write(`{"type":"${type}","object":${object}}\n`)) this.#done.resolve();
  }
}

function atVersion(before: KubeObject, { metadata }: KubeObject): KubeObject {
  const { resourceVersion } = metadata;
  return {
    ...before,
    metadata: { ...before.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  };
}
