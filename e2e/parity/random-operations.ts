import { type Operation, operationsOf } from "../churn/operations.ts";

/** A round of random changes, but for what `justified.ts` says that the rules differ after. */
export function randomOperations(seed: number): readonly Operation[] {
  return operationsOf(seed)
    .filter((operation) => !givesSlice(operation))
    .map(withoutTwins);
}

/** A slice that becomes another Service's. */
function givesSlice(operation: Operation): boolean {
  return operation.kind === "kubectl" && operation.words.slice(0, 2).join(" ") === "label endpointslice";
}

interface Manifest {
  readonly kind: string;
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
}

/** Leaves of each address in a slice the first: two may disagree about its state. */
function withoutTwins(operation: Operation): Operation {
  if (operation.kind !== "kubectl" || operation.stdin === undefined) return operation;
  const list = JSON.parse(operation.stdin) as { readonly items: readonly Manifest[] };
  const items = list.items.map((item) => {
    const { endpoints } = item;
    if (endpoints === undefined) return item;
    const addresses = endpoints.map((endpoint) => endpoint.addresses[0]);
    return { ...item, endpoints: endpoints.filter((_, i) => addresses.indexOf(addresses[i]) === i) };
  });
  return { ...operation, stdin: JSON.stringify({ ...list, items }) };
}
