import { sandbox } from "../sandbox.ts";
import { replayScript } from "./replay.ts";

await replayScript(sandbox);
