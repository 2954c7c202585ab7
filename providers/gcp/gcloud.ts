import { assertNever } from "../../src/base/index.ts";
import { lastPart } from "./links.ts";
import { type Action, type Firewall, type FirewallTraffic, type Ref, targetOf } from "./resources.ts";
import type { Settings } from "./settings.ts";

export type FirewallAction =
  | { readonly verb: "insert" | "update"; readonly resource: Firewall }
  | { readonly verb: "delete"; readonly ref: Ref & { readonly kind: "firewall" } };

export function isOfFirewall(action: Action): action is FirewallAction {
  if (action.verb === "delete") return action.ref.kind === "firewall";
  return (action.verb === "insert" || action.verb === "update") && action.resource.kind === "firewall";
}

/** The command that does the same by hand. What it makes has our name and our description, so it is ours from then on. */
export function commandFor(action: FirewallAction, settings: Settings): string {
  const networkProject = targetOf(action).project ?? settings.networkProject;
  switch (action.verb) {
    case "insert":
      return [
        ...start("create", action.resource.name, networkProject),
        `--network ${lastPart(action.resource.network)}`,
        `--direction ${action.resource.direction}`,
        `--action ${action.resource.denied.length > 0 ? "DENY" : "ALLOW"}`,
        ...fields(action.resource),
      ].join(" ");
    case "update":
      return [...start("update", action.resource.name, networkProject), ...fields(action.resource)].join(" ");
    case "delete":
      return [...start("delete", action.ref.name, networkProject), "--quiet"].join(" ");
    default:
      return assertNever(action, "action");
  }
}

function start(verb: string, name: string, project: string): readonly string[] {
  return [`gcloud compute firewall-rules ${verb} ${name}`, `--project ${project}`];
}

function fields(rule: Firewall): readonly string[] {
  const traffic = [...rule.allowed, ...rule.denied];
  return [
    `--priority ${rule.priority}`,
    `--rules ${traffic.flatMap(trafficTexts).join(",")}`,
    `--source-ranges ${rule.sourceRanges.join(",")}`,
    ...(rule.destinationRanges.length > 0 ? [`--destination-ranges ${rule.destinationRanges.join(",")}`] : []),
    ...(rule.targetTags.length > 0 ? [`--target-tags ${rule.targetTags.join(",")}`] : []),
    `--description '${rule.description}'`,
  ];
}

function trafficTexts({ IPProtocol, ports = [] }: FirewallTraffic): readonly string[] {
  return ports.length === 0 ? [IPProtocol] : ports.map((port) => `${IPProtocol}:${port}`);
}
