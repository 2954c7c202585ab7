import { sandbox } from "../sandbox.ts";
import { checkRoles, isBeyondTest } from "./suite.ts";

// It always sends the initial state as a watch; `list` is for servers that cannot.
checkRoles(sandbox, (right, owner) => right.startsWith("list ") || isBeyondTest(right, owner));
