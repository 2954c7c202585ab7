// The main job, played once: a LoadBalancer Service that answers from outside, whose rules follow its pods.
import { isDeepStrictEqual } from "node:util";
import { httpPort, manifest, serviceName } from "./manifest.ts";
import {
  type Answer,
  ask,
  natRules,
  type ShownPod,
  type ShownService,
  type Stage,
  showPods,
  showService,
  trackedConnections,
} from "./probes.ts";
import { destinations, explain } from "./rules.ts";
import type { Steps } from "./steps.ts";

export interface DemoOptions {
  readonly stage: Stage;
  readonly steps: Steps;
  readonly write: (text: string) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** How long the EXTERNAL-IP is awaited. */
  readonly limitMs: number;
  /** Pods that take connections and never answer, to see the demo fail. */
  readonly silentPods: number;
  /** Called once the Service answers; breaks something, to see the demo fail. */
  readonly breakSomething: (service: ShownService) => Promise<void>;
  /** The log lines of a component that speak of the Service. */
  readonly logLines: (component: string) => Promise<readonly string[]>;
}

const replicas = 3;

/** Throws FailureError naming the step unless every step really happened. */
export async function playDemo(options: DemoOptions): Promise<void> {
  const { stage, steps, write, signal, now } = options;
  write("\nApply a Deployment and a LoadBalancer Service\n");
  const applied = now();
  await steps.run(`kubectl apply: ${replicas} echo pods and Service default/${serviceName}`, () =>
    stage.kubectl(["apply", "-f", "-"], manifest(replicas, options.silentPods)),
  );
  const service = await steps.run("the Service gets an EXTERNAL-IP", () => externalService(options));
  await steps.run(`first answer from outside (http://${service.externalIp}/)`, () =>
    steps.until(() => ask(stage.client, service.externalIp, httpPort, signal)),
  );
  write(`        apply to first answer from outside: ${((now() - applied) / 1000).toFixed(2)} s\n`);
  await options.breakSomething(service);
  await everyPodAnswers(options, service, replicas + options.silentPods);

  write(`\n$ kubectl get service ${serviceName} -o wide\n`);
  write(await stage.kubectl(["get", "service", serviceName, "-o", "wide"]));
  await showRules(options, service);
  await showLogs(options);

  for (const count of [1, replicas + 1]) {
    write(`\n$ kubectl scale deployment echo --replicas=${count}\n`);
    await steps.run(`kubectl scale to ${count}`, () =>
      stage.kubectl(["scale", "deployment", "echo", `--replicas=${count}`]),
    );
    await everyPodAnswers(options, service, count + options.silentPods);
  }
}

/** Waits by one watch: kubectl asked again and again would take the processors from what it waits for. */
async function externalService({ stage, limitMs }: DemoOptions): Promise<ShownService> {
  const condition = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}";
  await stage.kubectl(["wait", condition, `service/${serviceName}`, `--timeout=${Math.ceil(limitMs / 1000)}s`]);
  return await showService(stage, serviceName);
}

/** The kernel's rules lead to exactly the ready pods, and every one of them answers, through every node. */
async function everyPodAnswers(options: DemoOptions, service: ShownService, count: number): Promise<void> {
  const { stage, steps, write, signal } = options;
  const pods = await steps.run(`${count} ${count === 1 ? "pod is" : "pods are"} ready`, () =>
    steps.until(() => readyPods(stage, count)),
  );
  await steps.run("the rules of every node lead to exactly these pods", () =>
    steps.until(() => rulesLeadTo(stage, service, pods, signal)),
  );
  const nodePort = portNamed(service, "http").nodePort;
  for (const node of stage.nodes) {
    await steps.run(`NodePort ${nodePort} of ${node.name} answers`, () =>
      ask(stage.client, node.address, nodePort, signal),
    );
  }
  const answers = await steps.run("every pod answers from outside", () => askAll(options, service, pods));
  for (const { pod, node, client } of answers) write(`        ${pod} on ${node} saw client ${client}\n`);
  await steps.run("the kernel tracked connections from the NodePort to every pod", () =>
    connectionsReached(stage, nodePort, pods, signal),
  );
}

function portNamed(service: ShownService, name: string): ShownService["ports"][number] {
  const port = service.ports.find((candidate) => candidate.name === name);
  if (port === undefined) throw new Error(`the Service has no port ${name}`);
  return port;
}

async function readyPods(stage: Stage, count: number): Promise<readonly ShownPod[]> {
  const pods = await showPods(stage);
  const ready = pods.filter((pod) => pod.ready);
  if (pods.length !== count || ready.length !== count)
    throw new Error(`${ready.length} of ${pods.length} pods are ready`);
  return ready;
}

async function rulesLeadTo(
  stage: Stage,
  service: ShownService,
  pods: readonly ShownPod[],
  signal: AbortSignal,
): Promise<void> {
  for (const node of stage.nodes) {
    const rules = await natRules(node, signal);
    for (const { protocol, port, nodePort, targetPort } of service.ports) {
      const want = pods.map(({ ip }) => `${ip}:${targetPort}`).toSorted();
      const entries = {
        [`NodePort ${nodePort}/${protocol}`]: { chain: "KUBE-NODEPORTS", protocol, port: nodePort },
        [`ClusterIP ${service.clusterIp}:${port}/${protocol}`]: {
          chain: "KUBE-SERVICES",
          protocol,
          port,
          address: service.clusterIp,
        },
      } as const;
      for (const [name, entry] of Object.entries(entries)) {
        const got = destinations(rules, entry);
        if (!isDeepStrictEqual(got, want)) {
          throw new Error(
            `on ${node.name} the rules of ${name} lead to [${got.join(", ")}], not to [${want.join(", ")}]`,
          );
        }
      }
    }
  }
}

/** New connections until each pod answered one; each of them must be answered. */
async function askAll(
  options: DemoOptions,
  service: ShownService,
  pods: readonly ShownPod[],
): Promise<readonly Answer[]> {
  const answers = new Map<string, Answer>();
  // With n pods and fair dice, one pod stays unseen over 40 n requests less than once in 10^16 demos.
  for (let request = 1; request <= 40 * pods.length && answers.size < pods.length; request++) {
    const answer = await ask(options.stage.client, service.externalIp, httpPort, options.signal);
    if (!pods.some(({ name }) => name === answer.pod)) throw new Error(`a pod that is gone answered: ${answer.pod}`);
    answers.set(answer.pod, answer);
  }
  const mute = pods.filter(({ name }) => !answers.has(name));
  if (mute.length > 0) throw new Error(`no answer from ${mute.map(({ name }) => name).join(", ")}`);
  return pods.flatMap(({ name }) => answers.get(name) ?? []);
}

async function connectionsReached(
  stage: Stage,
  nodePort: number,
  pods: readonly ShownPod[],
  signal: AbortSignal,
): Promise<void> {
  const lines: string[] = [];
  for (const node of stage.nodes) lines.push(...(await trackedConnections(node, nodePort, signal)));
  const missed = pods.filter(({ ip }) => !lines.some((line) => line.includes(`src=${ip} `)));
  if (missed.length > 0) throw new Error(`no connection to ${missed.map(({ name }) => name).join(", ")} in conntrack`);
}

async function showRules({ stage, write, signal }: DemoOptions, service: ShownService): Promise<void> {
  const [node] = stage.nodes;
  if (node === undefined) return;
  const { protocol, nodePort } = portNamed(service, "http");
  write(`\n$ iptables-save -t nat   (on ${node.name}: the way from NodePort ${nodePort} to the pods)\n`);
  for (const { line, comment } of explain(await natRules(node, signal), {
    chain: "KUBE-NODEPORTS",
    protocol,
    port: nodePort,
  })) {
    write(`# ${comment}\n${line}\n`);
  }
}

async function showLogs({ stage, write, logLines }: DemoOptions): Promise<void> {
  const [node] = stage.nodes;
  for (const component of ["controller", `agent ${node?.name ?? ""}`]) {
    write(`\nWhat the ${component} logged about the Service\n`);
    for (const line of await logLines(component)) write(`${line}\n`);
  }
}
