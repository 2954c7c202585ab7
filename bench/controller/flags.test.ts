import { expect, it } from "vitest";
import { parseFlags } from "./flags.ts";

it("takes 1,000 Services on 20 nodes unless told otherwise, and nothing that is no count", () => {
  expect(parseFlags([])).toEqual({ services: 1000, nodes: 20, rounds: 5, server: "real" });
  expect(parseFlags(["--services", "7", "--server", "sandbox"])).toMatchObject({ services: 7, server: "sandbox" });
  expect(() => parseFlags(["--nodes", "0"])).toThrow('--nodes: "0" is no count; give 1 to 1000');
});
