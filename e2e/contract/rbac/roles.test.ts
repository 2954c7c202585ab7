import { sandbox } from "../sandbox.ts";
import { checkRoles, countsEvents } from "./suite.ts";

// It always sends the initial state as a watch; `list` is for servers that cannot. Kinds that it does not serve have no
// status.
checkRoles(
  sandbox,
  (right, owner) =>
    right.startsWith("list ") ||
    /^patch (loadbalancerclasses|ipaddresspools)\/status/.test(right) ||
    countsEvents(right, owner),
);
