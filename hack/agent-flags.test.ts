import { expect, it } from "vitest";
import { agentFlagsPage } from "./agent-flags.ts";

it("docs/agent-flags.md says what the tables say", async () => {
  await expect(agentFlagsPage()).toMatchFileSnapshot("../docs/agent-flags.md");
});
