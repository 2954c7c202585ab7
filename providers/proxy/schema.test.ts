import { expect, it } from "vitest";
import { optionsOf } from "./schema.ts";
import { desiredLb } from "./testing.ts";

const key = "berth.dev/drain-seconds";

it.each([
  ["nothing", {}, 300],
  ["no time at all", { [key]: "0" }, 0],
  ["some time", { [key]: "45" }, 45],
  ["as long as there is", { [key]: "3600" }, 3600],
])("drains as the annotation says: %s", (_, annotations, drainSeconds) => {
  expect(optionsOf(desiredLb({ annotations }))).toEqual({ drainSeconds, issues: [] });
});

it.each(["", "3601", "-1", "1.5", "30s", "1e2", " 30", "99999"])("takes the default for %j and says so", (text) => {
  expect(optionsOf(desiredLb({ annotations: { [key]: text } }))).toEqual({
    drainSeconds: 300,
    issues: [
      {
        path: "metadata.annotations[berth.dev/drain-seconds]",
        severity: "degrade",
        reason: "InvalidAnnotation",
        message: `${JSON.stringify(text)} is no whole number from 0 to 3600 and counts as 300; give one`,
      },
    ],
  });
});
