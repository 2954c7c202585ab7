import { expect, it } from "vitest";
import { type ProbeAnswer, Readiness } from "./readiness.ts";

const answers: Readonly<Record<string, ProbeAnswer>> = { r: "ready", n: "not ready", s: "silent" };

it.each([
  ["never answered", "sssss", "-----"],
  ["answers at once", "rnrn", "+-+-"],
  ["one or two probes that time out change nothing", "rssrssr", "+++++++"],
  ["three in a row do, until it answers", "rssssr", "+++--+"],
  ["nor do they make it ready", "rnssr", "+---+"],
])("%s", (_, given, expected) => {
  const readiness = new Readiness();
  const seen = Array.from(given, (letter) => (readiness.after(answers[letter] ?? "silent") ? "+" : "-"));
  expect(seen.join("")).toBe(expected);
});
