import { expect, it } from "vitest";
import { nearest } from "./index.ts";

const known = ["load-balancer-ips", "allow-replace", "paused"];

it.each<[string, string | undefined]>([
  ["load-balancer-ip", "load-balancer-ips"],
  ["loadbalancerips", "load-balancer-ips"],
  ["Paused", "paused"],
  ["pausd", "paused"],
  ["allow-replcae", "allow-replace"],
  ["p", undefined],
  ["something-else", undefined],
  ["", undefined],
  ["x".repeat(100_000), undefined],
])("the nearest to %j", (text, expected) => {
  expect(nearest(text, known)).toBe(expected);
});

it("is the first of several that are as near", () => {
  expect(nearest("port-c", ["port-a", "port-b"])).toBe("port-a");
});
