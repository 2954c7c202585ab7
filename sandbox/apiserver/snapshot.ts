import { readFile } from "node:fs/promises";
import { type Clock, errorMessage, FailureError } from "../../src/base/index.ts";
import type { Credentials } from "./certificates.ts";
import { writeFileAtomic } from "./file.ts";
import { isMap } from "./object.ts";
import type { Store, StoreState } from "./store.ts";

/** What outlives the process: the objects, the revision, and what clients trust. */
export interface Snapshot {
  readonly store: StoreState;
  readonly credentials: Credentials;
}

/** Undefined when there is no such file yet. */
export async function loadSnapshot(path: string): Promise<Snapshot | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new FailureError(`--state: cannot read ${path}: ${errorMessage(error)}`, { cause: error });
  }
  try {
    const snapshot: unknown = JSON.parse(text);
    if (
      isMap(snapshot) &&
      isMap(snapshot["store"]) &&
      isMap(snapshot["credentials"]) &&
      typeof snapshot["credentials"]["serviceAccountKey"] === "string"
    )
      return snapshot as unknown as Snapshot;
  } catch {
    // Falls through to the one message for every file that is no snapshot.
  }
  throw new FailureError(`--state: ${path} is no snapshot of this API server; remove it to start empty`);
}

/** How long changes gather before they are written. */
const debounceMs = 200;

/** Writes the store to a file a little after it changed, and when disposed. */
export class SnapshotWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #store: Store;
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  readonly #subscription: Disposable;
  #timer: Disposable | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, store: Store, credentials: Credentials, clock: Clock) {
    this.#path = path;
    this.#store = store;
    this.#credentials = credentials;
    this.#clock = clock;
    this.#subscription = store.subscribeAll(() => {
      this.#timer ??= this.#clock.schedule(() => {
        this.#timer = undefined;
        this.write().catch(() => {
          // A full disk now may be free later; the last write, at the end, tells.
        });
      }, debounceMs);
    });
  }

  /** Writes never overlap: the last one has the last word. */
  write(): Promise<void> {
    const next = this.#writing
      .catch(() => undefined)
      .then(() => {
        const snapshot: Snapshot = { store: this.#store.state(), credentials: this.#credentials };
        return writeFileAtomic("--state", this.#path, JSON.stringify(snapshot));
      });
    this.#writing = next;
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.write();
  }
}
