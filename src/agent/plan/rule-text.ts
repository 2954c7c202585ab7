import type { Frontend, ProxiedPort } from "../../model/index.ts";

/** The kernel keeps 256 bytes with the closing zero (XT_MAX_COMMENT_LEN), and the tools refuse what is longer. */
const maxComment = 255;

/**
 * One rule behind `-A CHAIN`. The comment is quoted; the model lets no name pass that holds a quote, a backslash or a
 * line end. Names of the length that Kubernetes allows fit; a longer one costs the end of the comment, not the rule.
 * In memory it is one text without parts as long as it is given in two pieces at least.
 */
export function rule(comment: string, ...rest: readonly string[]): string {
  return [...(comment === "" ? [] : [`-m comment --comment "${comment.slice(0, maxComment)}"`]), ...rest].join(" ");
}

/** Matches packets to the frontend; to any address if it has none of its own. */
export function destination({ protocol }: ProxiedPort, { address, port }: Frontend): string {
  return `${layer4(protocol)}${address === undefined ? "" : ` -d ${address}`} --dport ${port}`;
}

export function layer4(protocol: ProxiedPort["protocol"]): string {
  const name = protocol.toLowerCase();
  return `-m ${name} -p ${name}`;
}
