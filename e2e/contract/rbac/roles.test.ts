import { sandbox } from "../sandbox.ts";
import { checkRoles, countsEvents } from "./suite.ts";

// It always sends the initial state as a watch; `list` is for servers that cannot, and for the controller before it
// deletes what no Service wants.
checkRoles(
  sandbox,
  (right, owner) =>
    (right.startsWith("list ") && !(owner === "controller" && right === "list services")) || countsEvents(right, owner),
  // It has no DaemonSets.
  ["controller"],
);
