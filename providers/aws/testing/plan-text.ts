import { assertNever } from "../../../src/base/index.ts";
import { ProviderError } from "../../../src/provider/index.ts";
import type { Action } from "../actions.ts";
import type { Planned } from "./drive.ts";

/** Plans as lines for people; what is called by a hash gets a number. */
export function plansText(planned: readonly Planned[]): string {
  const lines = planned.flatMap(({ scope, plan }) => [
    ...plan.steps.map(({ id, dependsOn, input, diff }) => {
      const changes = diff.map(({ path, from, to }) => `${path}: ${from ?? "-"} > ${to ?? "-"}`).join("; ");
      const after = dependsOn.length === 0 ? "" : ` (after ${listText(dependsOn, ", ")})`;
      return `  ${scope} ${(input as Action).kind} ${id} ${changes === "" ? detailOf(input as Action) : changes}${after}`;
    }),
    ...plan.waits.map(({ what }) => `  ${scope} waits: ${what}`),
    ...(plan.replacesAddress ? [`  ${scope} replaces the address`] : []),
  ]);
  return withoutHashes(runs(lines.map((line) => line.trimEnd())).join("\n"));
}

/** A failure as a line. */
export function errorText(error: unknown): string {
  if (!(error instanceof ProviderError)) throw error;
  const { kind, ...rest } = error.fault;
  return withoutHashes(`  ! ${kind} ${Object.values(rest).join(": ")}: ${error.message}`);
}

function detailOf(action: Action): string {
  switch (action.kind) {
    case "createLoadBalancer":
      return [action.scheme, action.ipAddressType, ...action.subnets.map((one) => Object.values(one).join("/"))].join(
        " ",
      );
    case "createTargetGroup":
      return `${action.protocol} ${JSON.stringify(Object.values(action.healthCheck))}`;
    case "createListener":
      return `${action.content.protocol} ${action.port}`;
    case "registerTargets":
    case "deregisterTargets":
      return listText(action.targets.map(({ id, port }) => `${id}:${port}`));
    case "addCertificates":
    case "removeCertificates":
      return action.certificates.map((arn) => arn.split("/").at(-1)).join(" ");
    case "setAttributes":
      return JSON.stringify(action.attributes);
    case "createGroup":
    case "modifyTargetGroup":
    case "modifyListener":
    case "setSecurityGroups":
    case "setSubnets":
    case "authorize":
    case "revoke":
    case "addTags":
    case "removeTags":
    case "deleteLoadBalancer":
    case "deleteTargetGroup":
    case "deleteListener":
    case "deleteGroup":
      return "";
    default:
      return assertNever(action, "action");
  }
}

function listText(items: readonly string[], separator: string = " "): string {
  return items.length > 4 ? `${items[0]} ... ${items.at(-1)} (${items.length})` : items.join(separator);
}

/** The same wait again and again is one, and so are many steps of a kind. */
function runs(lines: readonly string[]): readonly string[] {
  const once = lines.filter(
    (line, i) => !line.includes(" waits: ") || !lines.slice(Math.max(0, i - 3), i).includes(line),
  );
  const kindOf = (line: string): string => line.split(" ").slice(0, 4).join(" ");
  return once.filter((line, i) => {
    const isMiddle = kindOf(once[i - 1] ?? "") === kindOf(line) && kindOf(once[i + 1] ?? "") === kindOf(line);
    return !isMiddle || kindOf(once[i - 2] ?? "") !== kindOf(line) || line.includes(" waits: ");
  });
}

function withoutHashes(text: string): string {
  const names = new Map<string, string>();
  return text.replaceAll(/k8s-default-web-[0-9a-f]{10}/g, (name) => {
    if (!names.has(name)) names.set(name, `#${names.size + 1}`);
    return names.get(name) ?? name;
  });
}
