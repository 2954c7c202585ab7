import { objectKey, type Service, services } from "../../api/index.ts";
import { type Clock, isAbort } from "../../base/index.ts";
import { FencedError, finalizerPatch, isConflict, isNotFound, type KubeClient, type Store } from "../../kube/index.ts";
import type { Cleanup } from "../../model/index.ts";
import { StoppedError } from "../engine/stopped-error.ts";
import { releasePatch, type StatusReport, statusPatch } from "./service-patch.ts";
import { serviceWrites, type Write, WriteError } from "./write-error.ts";

/**
 * The only place that writes to Services: merge patches, each refused by the server when the Service is not as it was
 * read; of the status subresource, which takes finalizers too, but for `amend`. Writes nothing that is so already.
 */
export class ServiceWriter {
  readonly #client: Pick<KubeClient, "mergePatch">;
  readonly #store: Store<Service>;
  readonly #mayWrite: () => string | undefined;
  readonly #clock: Clock;
  /** The versions that we wrote last, by key. */
  readonly #own = new Map<string, string | undefined>();

  constructor(
    client: Pick<KubeClient, "mergePatch">,
    store: Store<Service>,
    mayWrite: () => string | undefined,
    clock: Clock,
  ) {
    this.#client = client;
    this.#store = store;
    this.#mayWrite = mayWrite;
    this.#clock = clock;
  }

  /** Whether this state of a Service is what we wrote, so that it is no news. */
  wrote({ metadata }: Service): boolean {
    const { resourceVersion } = metadata;
    return resourceVersion !== undefined && this.#own.get(objectKey(metadata)) === resourceVersion;
  }

  forget({ metadata }: Service): void {
    this.#own.delete(objectKey(metadata));
  }

  async hold(service: Service, finalizers: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#write(service, serviceWrites.finalizer, finalizerPatch(service, { add: finalizers }), signal);
  }

  async report(service: Service, report: StatusReport, signal: AbortSignal): Promise<void> {
    await this.#write(service, serviceWrites.status, statusPatch(service, report, this.#clock.now()), signal);
  }

  async release(service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<void> {
    try {
      await this.#write(service, serviceWrites.release, releasePatch(service, cleanup), signal);
    } catch (error) {
      // It went by itself, which is what we wanted.
      if (!isNotFound(error)) throw error;
    }
  }

  async amend(service: Service, patch: object, signal: AbortSignal): Promise<void> {
    await this.#write(service, serviceWrites.nodePorts, patch, signal);
  }

  /** Throws what it means to have come too late as it is, and all else as `WriteError`. */
  async #write(service: Service, write: Write, patch: object | undefined, signal: AbortSignal): Promise<void> {
    if (patch === undefined) return;
    const why = this.#mayWrite();
    if (why !== undefined) throw new StoppedError(why);
    const part = write === serviceWrites.nodePorts ? {} : { subresource: "status" };
    let written: Service;
    try {
      written = await this.#client.mergePatch(services, service, patch, signal, part);
    } catch (error) {
      if (isNotFound(error) || isConflict(error) || error instanceof FencedError || isAbort(error, signal)) throw error;
      throw new WriteError(write, error);
    }
    this.#own.set(objectKey(written.metadata), written.metadata.resourceVersion);
    this.#store.overlay(written);
  }
}
