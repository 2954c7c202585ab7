import { objectKey, type Service, services } from "../../api/index.ts";
import type { Clock } from "../../base/index.ts";
import { finalizerPatch, isNotFound, type KubeClient, type Store } from "../../kube/index.ts";
import type { Cleanup } from "../../model/index.ts";
import { StoppedError } from "../engine/stopped-error.ts";
import { releasePatch, type StatusReport, statusPatch } from "./service-patch.ts";

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
    await this.#write(service, finalizerPatch(service, { add: finalizers }), signal);
  }

  async report(service: Service, report: StatusReport, signal: AbortSignal): Promise<void> {
    await this.#write(service, statusPatch(service, report, this.#clock.now()), signal);
  }

  async release(service: Service, cleanup: Cleanup, signal: AbortSignal): Promise<void> {
    try {
      await this.#write(service, releasePatch(service, cleanup), signal);
    } catch (error) {
      // It went by itself, which is what we wanted.
      if (!isNotFound(error)) throw error;
    }
  }

  async amend(service: Service, patch: object, signal: AbortSignal): Promise<void> {
    await this.#write(service, patch, signal, {});
  }

  async #write(
    service: Service,
    patch: object | undefined,
    signal: AbortSignal,
    part: { readonly subresource?: string } = { subresource: "status" },
  ): Promise<void> {
    if (patch === undefined) return;
    const why = this.#mayWrite();
    if (why !== undefined) throw new StoppedError(why);
    const written = await this.#client.mergePatch(services, service, patch, signal, part);
    this.#own.set(objectKey(written.metadata), written.metadata.resourceVersion);
    this.#store.overlay(written);
  }
}
