import type { Sandbox } from "../../sandbox/cluster/index.ts";
import { annotations, loadBalancerRecords, objectKey, type Service, services } from "../../src/api/index.ts";
import { isAlreadyExists, isConflict, isNotFound, type KubeClient } from "../../src/kube/index.ts";
import type { Dice } from "../churn/dice.ts";
import { addressesIn, outsideOf } from "../scenarios/outside.ts";

const namespace = "default";
const names = ["lb-0", "lb-1", "lb-2", "lb-3", "lb-4"] as const;
const ports = [80, 81, 443, 8080] as const;
const alwaysPort = 8443;

/** Load balancers that come, change and go all the time. */
export class Services {
  readonly made = { created: 0, changed: 0, replaced: 0, deleted: 0 };
  readonly #client: KubeClient;
  readonly #dice: Dice;

  constructor(client: KubeClient, dice: Dice) {
    this.#client = client;
    this.#dice = dice;
  }

  /** Does one thing to one of them. */
  async disturb(signal: AbortSignal): Promise<void> {
    const name = this.#dice.pick(names);
    try {
      await this.#disturb(name, signal);
    } catch (error) {
      // It is on its way out, or the controller wrote it meanwhile.
      if (!isAlreadyExists(error) && !isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #disturb(name: (typeof names)[number], signal: AbortSignal): Promise<void> {
    const at = { namespace, name };
    const found = (await this.#client.list(services, { namespace }, signal)).items.find(
      ({ metadata }) => metadata.name === name,
    );
    if (found === undefined) {
      await this.#client.create(services, { metadata: at, spec: { ...spec, ports: this.#ports() } }, signal);
      this.made.created += 1;
    } else if (this.#dice.percent(25)) {
      await this.#client.delete(services, at, signal);
      this.made.deleted += 1;
    } else if (this.#dice.percent(20)) {
      // Each has two addresses of its own.
      const address = `172.30.200.${200 + 2 * names.indexOf(name) + this.#dice.below(2)}`;
      const asked = { [annotations.loadBalancerIps]: address, [annotations.allowReplace]: "true" };
      await this.#client.patch(services, at, { type: "merge", body: { metadata: { annotations: asked } } }, signal);
      this.made.replaced += 1;
    } else {
      await this.#client.patch(services, at, { type: "merge", body: { spec: { ports: this.#ports() } } }, signal);
      this.made.changed += 1;
    }
  }

  async deleteAll(signal: AbortSignal): Promise<void> {
    for (const { metadata } of await this.#own(signal))
      if (metadata.deletionTimestamp === undefined)
        await this.#client.delete(services, { namespace, name: metadata.name ?? "" }, signal);
  }

  /** Throws unless all Services are as they are to be, and nothing but what they need is there. */
  async expectSettled(sandbox: Sandbox, signal: AbortSignal): Promise<number> {
    const own = await this.#own(signal);
    const wrong = own.flatMap((service) => unsettled(service) ?? []);
    const { plugs, namespaces, processes } = await outsideOf(sandbox);
    const records = (await this.#client.list(loadBalancerRecords, { namespace }, signal)).items.length;
    for (const [what, count] of Object.entries({ plugs, namespaces: namespaces.length, processes, records }))
      if (count !== own.length) wrong.push(`${count} ${what} of ${own.length} Services`);
    const wanted = own.map(addressOf).toSorted().join(" ");
    const there = (await addressesIn(namespaces)).toSorted().join(" ");
    if (there !== wanted) wrong.push(`addresses ${there} for ${wanted}`);
    if (wrong.length > 0) throw new Error(wrong.join("; "));
    return own.length;
  }

  async #own(signal: AbortSignal): Promise<readonly Service[]> {
    const { items } = await this.#client.list(services, { namespace }, signal);
    return items.filter(({ spec: found }) => found?.type === "LoadBalancer");
  }

  #ports(): { name: string; port: number; protocol: string }[] {
    return [...this.#dice.some(ports), alwaysPort].map((port) => ({ name: `p${port}`, port, protocol: "TCP" }));
  }
}

const spec = { type: "LoadBalancer", ipFamilyPolicy: "SingleStack", selector: { app: "none" } } as const;

function addressOf({ status }: Service): string {
  return status?.loadBalancer?.ingress?.map(({ ip }) => ip).join(",") ?? "";
}

/** What a Service says that is not as it should be. */
function unsettled(service: Service): string | undefined {
  const { metadata, spec: wanted, status } = service;
  const name = objectKey(metadata);
  if (metadata.deletionTimestamp !== undefined) return `${name} is not gone`;
  const asked = metadata.annotations?.[annotations.loadBalancerIps];
  const [ingress, ...others] = status?.loadBalancer?.ingress ?? [];
  if (ingress === undefined || others.length > 0) return `${name} has not one address`;
  if (asked !== undefined && ingress.ip !== asked) return `${name} has ${ingress.ip}, not ${asked}`;
  const [has, wants] = [ingress.ports, wanted?.ports].map((list) => list?.map(({ port }) => port).join(","));
  if (has !== wants) return `${name} has ports ${has}, not ${wants}`;
  const programmed = status?.conditions?.find(({ type }) => type === "berth.dev/Programmed");
  if (programmed?.status !== "True") return `${name} is not programmed: ${programmed?.message}`;
  const finalizers = metadata.finalizers ?? [];
  if (new Set(finalizers).size !== finalizers.length) return `${name} has a finalizer twice`;
  return undefined;
}
