import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../base/fake-clock.ts";
import { nullLogger } from "../../telemetry/index.ts";
import { Circuit } from "./circuit.ts";

let clock: FakeClock;
let circuit: Circuit;

beforeEach(() => {
  clock = new FakeClock();
  circuit = new Circuit(clock, nullLogger);
});

it("pauses the whole provider for the longest of its scopes, and no other provider", () => {
  circuit.open("a", "account", 7000);
  circuit.open("a", "region/x", 9000);
  expect([circuit.pauseOf("a"), circuit.pauseOf("b")]).toEqual([9000, undefined]);
  expect(() => circuit.check("a")).toThrow("a asked to be left alone (region/x)");
  clock.advance(9000);
  expect(circuit.pauseOf("a")).toBeUndefined();
  circuit.check("a");
});

it("takes what several workers hear of one limit as one pause", () => {
  for (let i = 0; i < 5; i++) circuit.open("a", "account", 7000);
  expect(circuit.pauseOf("a")).toBe(7000);
  clock.advance(7000);
  circuit.open("a", "account", 1000);
  expect(circuit.pauseOf("a")).toBe(2000);
});

it("doubles the pause of a scope that is limited again right after it, up to five minutes, and forgets", () => {
  const pauses: (number | undefined)[] = [];
  for (let i = 0; i < 8; i++) {
    circuit.open("a", "account", 7000);
    const pause = circuit.pauseOf("a");
    pauses.push(pause);
    clock.advance(pause ?? 0);
  }
  expect(pauses).toEqual([7, 14, 28, 56, 112, 224, 300, 300].map((seconds) => seconds * 1000));
  circuit.open("a", "region/x", 7000);
  expect(circuit.pauseOf("a")).toBe(7000);
  clock.advance(60_000);
  circuit.open("a", "account", 7000);
  expect(circuit.pauseOf("a")).toBe(7000);
});

it("never asks earlier than it was told", () => {
  circuit.open("a", "account", 900_000);
  expect(circuit.pauseOf("a")).toBe(900_000);
});

it("takes its times from whoever runs it, and tells what pauses, the longest first", () => {
  const patient = new Circuit(clock, nullLogger, { maxMs: 10_000, relapseMs: 1000 });
  patient.open("a", "account", 7000);
  clock.advance(7999);
  patient.open("a", "account", 7000);
  patient.open("a", "region/x", 1000);
  expect(patient.pausesOf("a")).toEqual([
    { scope: "account", leftMs: 10_000, relapses: 1 },
    { scope: "region/x", leftMs: 1000, relapses: 0 },
  ]);
  clock.advance(11_000);
  expect(patient.pausesOf("a")).toEqual([]);
  patient.open("a", "account", 7000);
  expect(patient.pausesOf("a")).toEqual([{ scope: "account", leftMs: 7000, relapses: 0 }]);
});
