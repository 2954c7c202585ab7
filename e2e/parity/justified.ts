/** A difference to kube-proxy that is meant to be. */
export interface Justification {
  readonly difference: RegExp;
  readonly why: string;
}

/** All differences that may be. One that no test sees fails them: it is no difference any more. */
export const justifications: readonly Justification[] = [
  {
    difference: /^IPv4 nat KUBE-FW-\w+ lacks -s 198\.51\.100\.0\/24 .*"shop\/lb-ranges-twice:http loadbalancer IP"/,
    why: "A source range that a Service names twice is one rule: the second never matches.",
  },
  {
    difference: /^IPv4 nat (KUBE-SERVICES )?lacks .*shop\/external-ssh:http external/,
    why: "No Service takes a port that the node needs on its own address (SSH): whoever writes Services could lock it.",
  },
  {
    difference: /^IPv4 (nat|filter) (KUBE-SERVICES )?(lacks|adds) .*"shop\/giving:http/,
    why: "kube-proxy goes on sending to the endpoints of a slice that became another Service's until it is restarted.",
  },
  {
    difference: /^IPv4 nat (KUBE-SVC-\w+ )?(lacks|adds) .*shop\/twins:http/,
    why: "Where a slice names an address twice, ready and not, it is served: kube-proxy believes the copy named last.",
  },
];

/** Which justifications were needed. */
export class Justified {
  readonly #used = new Set<Justification>();

  /** Whether a difference is meant to be. */
  accepts(difference: string): boolean {
    const found = justifications.filter((justification) => justification.difference.test(difference));
    for (const justification of found) this.#used.add(justification);
    return found.length > 0;
  }

  unused(): readonly Justification[] {
    return justifications.filter((justification) => !this.#used.has(justification));
  }
}
