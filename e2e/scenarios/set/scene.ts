import { expect } from "vitest";
import { sleep } from "../../../src/base/index.ts";
import type { Answer, Client, Load, Traffic } from "../../drivers/client.ts";
import type { Driver } from "../../drivers/driver.ts";
import { deployment, type Manifest, type PodOptions, type ServiceSpec, service } from "./objects.ts";

/** Far beyond what a slow machine needs, so that reaching it means that it never comes. */
const patienceMs = 120_000;
const rolloutPatience = `--timeout=${patienceMs / 1000}s`;

export interface ServiceView {
  readonly metadata: { readonly uid: string };
  readonly spec: {
    readonly clusterIPs: readonly string[];
    readonly healthCheckNodePort?: number;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly nodePort: number }[];
  };
  readonly status: {
    readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string; readonly ipMode: string }[] };
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
}

export interface PodView {
  readonly name: string;
  readonly node: string;
  readonly ips: readonly string[];
}

/** A namespace in which one scenario plays; it goes when it is disposed, with all that was applied. */
export class Scene implements AsyncDisposable {
  readonly driver: Driver;
  readonly namespace: string;

  private constructor(driver: Driver, namespace: string) {
    this.driver = driver;
    this.namespace = namespace;
  }

  static async open(driver: Driver, namespace: string): Promise<Scene> {
    await driver.kubectl(["create", "namespace", namespace]);
    return new Scene(driver, namespace);
  }

  /** In the namespace. */
  async kubectl(args: readonly string[], stdin?: string): Promise<string> {
    return await this.driver.kubectl([`--namespace=${this.namespace}`, ...args], stdin);
  }

  async apply(...manifests: readonly Manifest[]): Promise<void> {
    await this.kubectl(["apply", "--filename=-"], manifests.map((object) => JSON.stringify(object)).join("\n---\n"));
  }

  /** Applies a Deployment of echo pods; resolves when they are ready. */
  async pods(name: string, replicas: number, options: PodOptions = {}): Promise<void> {
    await this.apply(deployment(name, replicas, options));
    await this.rolledOut(name);
  }

  async rolledOut(name: string): Promise<void> {
    await this.kubectl(["rollout", "status", `deployment/${name}`, rolloutPatience]);
  }

  /** Applies a Service of the pods `app`. */
  async service(name: string, app: string, spec: ServiceSpec = {}): Promise<ServiceView> {
    await this.apply(service(name, app, spec));
    return await this.view(name);
  }

  async view(name: string): Promise<ServiceView> {
    return JSON.parse(await this.kubectl(["get", "service", name, "--output=json"])) as ServiceView;
  }

  /** The addresses of a load balancer, once it has so many. */
  async addresses(name: string, count: number): Promise<readonly string[]> {
    return await this.eventually(async () => {
      const ips = ((await this.view(name)).status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
      if (ips.length !== count) throw new Error(`service ${name} has the addresses ${ips.join(", ") || "none"}`);
      return ips;
    });
  }

  /** The pods of an app that are not on their way out. */
  async podsOf(app: string): Promise<readonly PodView[]> {
    const text = await this.kubectl(["get", "pods", `--selector=app=${app}`, "--output=json"]);
    const { items } = JSON.parse(text) as {
      items: {
        metadata: { name: string; deletionTimestamp?: string };
        spec: { nodeName?: string };
        status: { podIPs?: { ip: string }[] };
      }[];
    };
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata: { name }, spec, status }) => ({
        name,
        node: spec.nodeName ?? "",
        ips: (status.podIPs ?? []).map(({ ip }) => ip),
      }));
  }

  /** The answer to one question, asked again until a pod answers it. */
  async answered(client: Client, protocol: "http" | "udp", host: string, port: number): Promise<Answer> {
    return await this.eventually(async () => {
      const [answer = {}] = await client.ask(protocol, host, port);
      if (answer.error !== undefined) throw new Error(`${protocol} ${host} port ${port}: ${answer.error}`);
      return answer;
    });
  }

  /** Resolves when new connections are refused, or end nowhere. */
  async unanswered(client: Client, protocol: "http" | "udp", host: string, port: number): Promise<string> {
    return await this.eventually(async () => {
      const [answer = {}] = await client.ask(protocol, host, port);
      if (answer.error === undefined) throw new Error(`${protocol} ${host} port ${port}: answered by ${answer.pod}`);
      return answer.error;
    });
  }

  /** Steady traffic along several ways while `work` is done; throws when a request failed. Its figures, in words. */
  async undisturbed(ways: readonly Way[], work: () => Promise<void>): Promise<string> {
    for (const { client, host, port } of ways) await this.answered(client, "http", host, port);
    await using stack = new AsyncDisposableStack();
    const loads: Load[] = [];
    for (const { client, host, port } of ways) loads.push(stack.use(await client.load(host, port, requestsPerSecond)));
    await work();
    const traffics = await Promise.all(loads.map((load) => load.end()));
    const text = traffics.map((traffic, index) => `${ways[index]?.name}: ${told(traffic)}`).join("; ");
    const failures = new Set(traffics.flatMap((traffic) => traffic.failures));
    if (failures.size > 0) throw new Error(`${text}; ${[...failures].join(", ")}`);
    return text;
  }

  /** Asks until `probe` stops throwing; throws its last error when patience ends. */
  async eventually<T>(probe: () => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      try {
        return await probe();
      } catch (error) {
        if (signal.aborted) throw error;
      }
      await sleep(100, new AbortController().signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Before the pods have ended, so that the next scene finds the ports of the nodes free.
    await this.driver.kubectl(["delete", "--raw", `/api/v1/namespaces/${this.namespace}/services`]);
    await this.driver.kubectl(["delete", "namespace", this.namespace, "--wait=false"]);
  }
}

/** Over which requests come. */
export interface Way {
  readonly name: string;
  readonly client: Client;
  readonly host: string;
  readonly port: number;
}

const requestsPerSecond = 50;

/** The figures of a traffic, in words. */
function told({ answered, failures, slowestMs, seconds }: Traffic): string {
  return `${failures.length} of ${answered + failures.length} requests failed in ${seconds} s, slowest ${slowestMs} ms`;
}

/** So many fair throws of a die with three sides miss one of them less than once in 10^10 runs. */
export const thrownDice = 60;

/** The names of an app's pods, sorted. */
export async function perPod(scene: Scene, app: string): Promise<readonly string[]> {
  return (await scene.podsOf(app)).map(({ name }) => name).toSorted();
}

/** Each question was answered, by these pods and all of them. */
export function expectAll(answers: readonly Answer[], pods: readonly string[]): void {
  expect(answers.flatMap(({ error }) => error ?? [])).toEqual([]);
  expect([...new Set(answers.map(({ pod = "" }) => pod))].toSorted()).toEqual(pods);
}
