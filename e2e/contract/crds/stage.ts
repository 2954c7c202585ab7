import { dirname } from "node:path";
import { Registry } from "prom-client";
import { type Definition, definitions, fineObject } from "../../../src/api/schemas/testing/rule-cases.ts";
import { KubeApiError, KubeClient, loadKubeconfig } from "../../../src/kube/index.ts";
import { Child } from "../child.ts";
import { kubectlPath } from "../kubectl/run.ts";
import type { Target } from "../target.ts";

const crds = new URL("../../../charts/berth/files/crds/", import.meta.url).pathname;

/** An object as the API server stores it. */
export interface StoredObject {
  readonly metadata: object;
  readonly spec?: object;
  readonly status?: object;
}

/** What became of a write: the object as it is or would be stored, or the fields that were refused. */
export type Outcome = { readonly stored: StoredObject } | { readonly causes: KubeApiError["causes"] };

/** An API server that our kinds are defined on. */
export class Stage implements AsyncDisposable {
  readonly #kubeconfig: string;
  readonly #client: KubeClient;
  readonly #stack: AsyncDisposableStack;

  private constructor(kubeconfig: string, client: KubeClient, stack: AsyncDisposableStack) {
    this.#kubeconfig = kubeconfig;
    this.#client = client;
    this.#stack = stack;
  }

  static async open(target: Target): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const { kubeconfig } = stack.use(await target.start());
    const connection = await loadKubeconfig(kubeconfig);
    const client = stack.use(new KubeClient({ connection, metrics: new Registry() }));
    return new Stage(kubeconfig, client, stack.move());
  }

  /** What kubectl prints when it is given these words, on either of its outputs. */
  async kubectl(words: readonly string[], stdin = ""): Promise<string> {
    const environment = { KUBECONFIG: this.#kubeconfig, HOME: dirname(this.#kubeconfig), PATH: "/usr/bin:/bin" };
    await using child = new Child(kubectlPath, words, { environment, stdin });
    await child.end();
    return child.stdout + child.stderr;
  }

  /** Applies the files of `charts/berth/files/crds` and waits until their kinds are served; what kubectl said. */
  async define(): Promise<string> {
    const answer = await this.kubectl(["apply", `--filename=${crds}`]);
    const names = [...definitions.values()].map(({ metadata }) => `crd/${metadata.name}`);
    await this.kubectl(["wait", "--for=condition=Established", "--timeout=60s", ...names]);
    return answer;
  }

  /** The conditions of a definition as `type=status`. */
  async conditions({ metadata }: Definition): Promise<string[]> {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`;
    const signal = AbortSignal.timeout(30_000);
    const definition = await this.#client.request<{ status: { conditions: { type: string; status: string }[] } }>({
      method: "GET",
      path,
      signal,
    });
    return definition.status.conditions.map(({ type, status }) => `${type}=${status}`).toSorted();
  }

  /** Whether an object could be made, and as what. */
  tryMake(kind: string, object: object): Promise<Outcome> {
    return this.#write("POST", pathOf(kind), object, { dryRun: "All" });
  }

  /** Whether a stored object could become another, or its status that of another; and as what. */
  tryReplace(kind: string, stored: StoredObject, object: object, subresource = ""): Promise<Outcome> {
    const body = { ...object, metadata: stored.metadata };
    return this.#write("PUT", `${pathOf(kind)}/case${subresource}`, body, { dryRun: "All" });
  }

  /** Makes an object called `case`, which goes with what is returned. */
  async made(
    kind: string,
    object: object = fineObject(kind),
  ): Promise<{ readonly stored: StoredObject } & AsyncDisposable> {
    const outcome = await this.#write("POST", pathOf(kind), object, {});
    if ("causes" in outcome) throw new Error(`${kind}: ${JSON.stringify(outcome.causes)}`);
    return {
      stored: outcome.stored,
      [Symbol.asyncDispose]: async () => {
        await this.#write("DELETE", `${pathOf(kind)}/case`, undefined, {});
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #write(
    method: "POST" | "PUT" | "DELETE",
    path: string,
    body: object | undefined,
    query: { readonly dryRun?: "All" },
  ): Promise<Outcome> {
    const signal = AbortSignal.timeout(30_000);
    try {
      return { stored: await this.#client.request({ method, path, query, ...(body && { body }), signal }) };
    } catch (error) {
      if (error instanceof KubeApiError && error.code === 422) return { causes: error.causes };
      throw error;
    }
  }
}

function pathOf(kind: string): string {
  const definition = definitions.get(kind);
  if (definition === undefined) throw new Error(`crds has no ${kind}`);
  const { scope, names } = definition.spec;
  return `/apis/berth.dev/v1alpha1/${scope === "Namespaced" ? "namespaces/default/" : ""}${names.plural}`;
}
