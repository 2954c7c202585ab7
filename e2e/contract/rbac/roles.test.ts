import { sandbox } from "../sandbox.ts";
import { checkRoles, countsEvents } from "./suite.ts";

// It always sends the initial state as a watch; `list` is for servers that cannot.
checkRoles(sandbox, (right, owner) => right.startsWith("list ") || countsEvents(right, owner));
