// `node e2e/kind/check.ts` says whether `make e2e-kind` can run on this machine, before anything is built for it.
import { asCommand } from "../../bench/command.ts";
import { systemExec } from "../../src/kernel/index.ts";
import { checkRequirements } from "./requirements.ts";

await asCommand("requirements", async () => await checkRequirements(systemExec(process.env)));
