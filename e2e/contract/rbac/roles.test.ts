import { sandbox } from "../sandbox.ts";
import { checkRoles, countsEvents } from "./suite.ts";

// It always sends the initial state as a watch; `list` is for servers that cannot. Classes that it does not serve have no
// status.
checkRoles(
  sandbox,
  (right, owner) =>
    right.startsWith("list ") || right === "patch loadbalancerclasses/status.berth.dev" || countsEvents(right, owner),
);
