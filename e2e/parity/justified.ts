/** A difference to kube-proxy that is meant to be. */
export interface Justification {
  readonly difference: RegExp;
  readonly why: string;
}

// All differences that may be. One that a test does not see fails it: it is no difference any more.

/** Under the Services of `objects.ts`. */
export const timeless: readonly Justification[] = [
  {
    difference: /^IPv4 nat KUBE-FW-\w+ lacks -s 198\.51\.100\.0\/24 .*"shop\/lb-ranges-twice:http loadbalancer IP"/,
    why: "A source range that a Service names twice is one rule: the second never matches.",
  },
  {
    difference: /^IPv4 nat (KUBE-SERVICES )?lacks .*shop\/external-ssh:http external/,
    why: "No Service takes a port that the node needs on its own address (SSH): whoever writes Services could lock it.",
  },
  {
    difference: /^IPv4 nat (KUBE-SVC-\w+ )?(lacks|adds) .*shop\/twins:http/,
    why: "Where a slice names an address twice, ready and not, it is served: kube-proxy believes the copy named last.",
  },
  {
    difference: /^IPv[46] nat KUBE-SERVICES lacks .*"shop\/lb-claim-[ab]:http loadbalancer IP"/,
    why: "Of two Services that want one address and port the older has it; under kube-proxy a Go map decides, each time.",
  },
];

/** What comes of those in `changes.ts`. */
export const afterChanges: readonly Justification[] = [
  {
    difference: /^IPv4 (nat|filter) (KUBE-SERVICES )?(lacks|adds) .*"shop\/giving:http/,
    why: "kube-proxy goes on sending to the endpoints of a slice that became another Service's until it is restarted.",
  },
];

/** Some justifications, and which of them were needed. */
export class Justified {
  readonly #all: readonly Justification[];
  readonly #used = new Set<Justification>();

  constructor(all: readonly Justification[]) {
    this.#all = all;
  }

  /** Those that are not meant to be. */
  rest(differences: readonly string[]): readonly string[] {
    return differences.filter((difference) => !this.#all.some((one) => one.difference.test(difference)));
  }

  /** Takes note of what was needed for these; not for what differs only until both proxies have caught up. */
  use(differences: readonly string[]): void {
    for (const one of this.#all)
      if (differences.some((difference) => one.difference.test(difference))) this.#used.add(one);
  }

  unused(): readonly Justification[] {
    return this.#all.filter((justification) => !this.#used.has(justification));
  }
}
