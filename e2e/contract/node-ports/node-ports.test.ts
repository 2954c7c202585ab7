import { sandbox } from "../sandbox.ts";
import { checkNodePorts } from "./suite.ts";

checkNodePorts(sandbox);
