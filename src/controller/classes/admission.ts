import { conditionTypes, type Namespace, objectKey, providerFinalizer, type Service } from "../../api/index.ts";
import { sameData } from "../../base/index.ts";
import type { Store } from "../../kube/index.ts";
import { allowsNamespace, type Classes, type ClassPolicy, classOf } from "../../model/index.ts";
import type { Issue } from "../../provider/index.ts";

export interface AdmissionOptions {
  readonly services: Store<Service>;
  readonly namespaces: Store<Namespace>;
  readonly classes: () => Classes;
  /** Called with the key of each Service whose admission may be another now. */
  readonly onChange: (key: string) => void;
}

const limitExceeded = "LimitExceeded";

/**
 * Which Services a class takes in: those of allowed namespaces, and no more than its limits say. What is in stays in;
 * of those that wait the oldest comes first.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  /** UIDs of those taken in whose finalizer does not show it yet. */
  readonly #entering = new Set<string>();
  readonly #waiting = new Set<string>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Calls `onChange` for the Services of a namespace whose labels change, until disposed. */
  watch(): Disposable {
    const { namespaces } = this.#options;
    return namespaces.subscribe({
      add: ({ metadata: { name } }, initial) => {
        if (!initial) this.#recheck(name);
      },
      update: ({ metadata: before }, { metadata: after }) => {
        if (!sameData(before.labels, after.labels)) this.#recheck(after.name);
      },
    });
  }

  /** Whether the namespace is known well enough to be judged; it soon is, as a Service has one. */
  knows({ metadata }: Service, { allowedNamespaces }: ClassPolicy): boolean {
    return allowedNamespaces === undefined || this.#options.namespaces.get(metadata.namespace ?? "") !== undefined;
  }

  /** What keeps this one Service out, whatever else there is. */
  objectionsTo({ metadata, spec }: Service, policy: ClassPolicy): readonly Issue[] {
    const issues: Issue[] = [];
    const labels = this.#options.namespaces.get(metadata.namespace ?? "")?.metadata.labels;
    if (!allowsNamespace(policy, labels)) {
      const message = `class ${policy.loadBalancerClass} is not for namespace ${metadata.namespace}; its load balancer, if it has one, stays as it is; label the namespace, or delete the Service`;
      issues.push({ path: "spec.loadBalancerClass", severity: "refuse", reason: "NamespaceNotAllowed", message });
    }
    const { portsPerService: limit } = policy.limits ?? {};
    const count = spec?.ports?.length ?? 0;
    if (limit !== undefined && count > limit) {
      const message = `${count} ports, but class ${policy.loadBalancerClass} allows ${limit} for each Service; remove some`;
      issues.push({ path: "spec.ports", severity: "refuse", reason: limitExceeded, message });
    }
    return issues;
  }

  /** Takes the Service in if there is room for it; what keeps it out otherwise, until there is. */
  enter(key: string, service: Service, policy: ClassPolicy): Issue | undefined {
    const issue = this.#fullness(service, policy);
    if (issue === undefined) {
      this.#entering.add(service.metadata.uid ?? "");
      this.#waiting.delete(key);
    } else this.#waiting.add(key);
    return issue;
  }

  /** The Service is kept out; unless it is for want of room, others may have its own. */
  refused(service: Service): void {
    if (!this.#waiting.has(objectKey(service.metadata))) this.leave(service);
  }

  /** The Service is gone or let go: others may have its room. */
  leave(service: Service): void {
    this.#entering.delete(service.metadata.uid ?? "");
    this.#waiting.delete(objectKey(service.metadata));
    for (const key of this.#waiting) this.#options.onChange(key);
  }

  #recheck(namespace: string | undefined): void {
    const { services, classes, onChange } = this.#options;
    for (const service of services.list())
      if (service.metadata.namespace === namespace && classOf(service, classes())?.allowedNamespaces !== undefined)
        onChange(objectKey(service.metadata));
  }

  #fullness(service: Service, policy: ClassPolicy): Issue | undefined {
    const { total, perNamespace } = policy.limits ?? {};
    if ((total === undefined && perNamespace === undefined) || this.#isIn(service, policy)) return undefined;
    const before = this.#before(service, policy);
    if (total !== undefined && before.length >= total) {
      const used = Math.max(total, before.filter((other) => this.#isIn(other, policy)).length);
      return full(`class ${policy.loadBalancerClass} has ${used} of at most ${total} load balancers`);
    }
    const { namespace } = service.metadata;
    const beside = before.filter(({ metadata }) => metadata.namespace === namespace);
    if (perNamespace === undefined || beside.length < perNamespace) return undefined;
    const used = Math.max(perNamespace, beside.filter((other) => this.#isIn(other, policy)).length);
    return full(
      `namespace ${namespace} has ${used} of at most ${perNamespace} load balancers of class ${policy.loadBalancerClass}`,
    );
  }

  /** Others of the class that come before it: all that are in, and the older ones of those that could be. */
  #before(service: Service, policy: ClassPolicy): readonly Service[] {
    const { services, classes } = this.#options;
    const age = ageOf(service);
    return services
      .list()
      .filter(
        (other) =>
          other.metadata.uid !== service.metadata.uid &&
          classOf(other, classes())?.loadBalancerClass === policy.loadBalancerClass &&
          (this.#isIn(other, policy) || (ageOf(other) < age && this.#isCandidate(other, policy))),
      );
  }

  #isIn({ metadata: { uid = "", finalizers = [] } }: Service, { provider }: ClassPolicy): boolean {
    return this.#entering.has(uid) || finalizers.includes(providerFinalizer(provider));
  }

  /** Not one that is kept out for another reason: it must not keep room that it cannot use. */
  #isCandidate(service: Service, policy: ClassPolicy): boolean {
    if (service.metadata.deletionTimestamp !== undefined || this.objectionsTo(service, policy).length > 0) return false;
    const accepted = service.status?.conditions?.find(({ type }) => type === conditionTypes.accepted);
    return accepted?.status !== "False" || accepted.reason === limitExceeded;
  }
}

function full(what: string): Issue {
  const message = `${what}; delete one of them, or ask for a higher limit`;
  return { path: "spec.loadBalancerClass", severity: "refuse", reason: limitExceeded, message };
}

function ageOf({ metadata: { creationTimestamp = "", uid = "" } }: Service): string {
  return `${creationTimestamp} ${uid}`;
}
