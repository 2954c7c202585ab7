import { sandbox } from "../sandbox.ts";
import { replayExchanges } from "./replay.ts";

replayExchanges(sandbox, { hasLimits: true });
