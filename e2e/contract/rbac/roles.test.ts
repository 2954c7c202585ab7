import { sandbox } from "../sandbox.ts";
import { checkRoles, withoutRecords } from "./suite.ts";

// It always sends the initial state as a watch; `list` is for servers that cannot.
checkRoles(sandbox, (right) => right.startsWith("list ") || withoutRecords(right));
