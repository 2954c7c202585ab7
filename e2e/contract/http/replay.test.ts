import { sandbox } from "../sandbox.ts";
import { replayExchanges } from "./replay.ts";

await replayExchanges(sandbox);
