import fc from "fast-check";
import { expect, it } from "vitest";
import { nearestKey, unknownAnnotations } from "./index.ts";

const known = ["berth.dev/allow-replace", "berth.dev/load-balancer-ips", "berth.dev/node-ports", "berth.dev/paused"];

it.each<[string, string | undefined]>([
  ["berth.dev/allow-replace", "berth.dev/allow-replace"],
  ["berth.dev/alow-replace", "berth.dev/allow-replace"],
  ["berth.dev/allow_replace", "berth.dev/allow-replace"],
  ["berth.dev/pasued", "berth.dev/paused"],
  ["berth.dev/pause", "berth.dev/paused"],
  ["berth.dev/loadbalancer-ip", "berth.dev/load-balancer-ips"],
  ["berth.dev/nodeports", "berth.dev/node-ports"],
  ["berth.dev/colour", undefined],
  ["berth.dev/", undefined],
])("%s is meant to be %s", (unknown, meant) => {
  expect(nearestKey(unknown, known)).toBe(meant);
});

it("of two as near the first is meant, and of none none", () => {
  expect(nearestKey("berth.dev/aab", ["berth.dev/aaa", "berth.dev/abb"])).toBe("berth.dev/aaa");
  expect(nearestKey("berth.dev/a", [])).toBeUndefined();
});

it("names what is in our group and nobody knows", () => {
  const annotations = {
    "berth.dev/paused": "true",
    "berth.dev/pauesd": "true",
    "berth.dev/colour": "red",
    "example.com/paused": "true",
    "berth.development/paused": "true",
    plain: "",
  };
  expect(unknownAnnotations(Object.keys(annotations), known)).toEqual([
    { key: "berth.dev/colour" },
    { key: "berth.dev/pauesd", nearest: "berth.dev/paused" },
  ]);
  expect(unknownAnnotations([], known)).toEqual([]);
});

it("a key with one slip is found again", () => {
  const slip = fc.record({
    key: fc.constantFrom(...known),
    at: fc.nat({ max: 5 }),
    slip: fc.constantFrom("lost", "doubled", "swapped", "other"),
  });
  fc.assert(
    fc.property(slip, ({ key, at, slip }) => {
      const start = "berth.dev/".length + at;
      const [one = "", two = ""] = key.slice(start);
      const instead = { lost: two, doubled: one + one + two, swapped: two + one, other: `#${two}` }[slip];
      expect(nearestKey(key.slice(0, start) + instead + key.slice(start + 2), known)).toBe(key);
    }),
  );
});
