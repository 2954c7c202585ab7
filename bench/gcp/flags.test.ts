import { expect, it } from "vitest";
import { parseFlags } from "./flags.ts";

it("takes 50 Services and a minute of refusals unless told otherwise, and nothing that is no count", () => {
  expect(parseFlags([])).toEqual({ services: 50, seconds: 60 });
  expect(parseFlags(["--services", "7"])).toMatchObject({ services: 7 });
  expect(() => parseFlags(["--seconds", "0"])).toThrow('--seconds: "0" is no count; give 1 to 3600');
});
