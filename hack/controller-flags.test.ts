import { expect, it } from "vitest";
import { controllerFlagsPage } from "./controller-flags.ts";

it("docs/controller-flags.md says what the tables say", async () => {
  await expect(await controllerFlagsPage()).toMatchFileSnapshot("../docs/controller-flags.md");
});
