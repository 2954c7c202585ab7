import { expect, it } from "vitest";
import { type Happening, judge, type Moment } from "./judge.ts";

const durationMs = 3000;

function at(from: number, blurMs = 0): Moment {
  return { from, to: from + blurMs };
}

function claimed(holder: string, sent: Moment, answered: Moment = at(sent.to + 5)): Happening {
  return { kind: "claimed", holder, sent, answered, durationMs };
}

function changed(holder: string, when: Moment): Happening {
  return { kind: "changed", holder, at: when, what: "PATCH web" };
}

function released(holder: string, sent: Moment): Happening {
  return { kind: "released", holder, sent };
}

const orderly = [
  changed("a1", at(10)),
  claimed("a1", at(0)),
  changed("a1", at(500)),
  claimed("a1", at(500)),
  changed("a1", at(3499)),
  claimed("b1", at(3500)),
  changed("b1", at(3510)),
  released("b1", at(4000)),
  claimed("a2", at(4010)),
  changed("a2", at(4020)),
];

it.each<[string, readonly Happening[], readonly string[]]>([
  ["nothing wrong", orderly, []],
  [
    "a change after the lease",
    [...orderly, changed("a1", at(3600))],
    ["a1 100 ms after its Lease had ended: PATCH web"],
  ],
  ["a change before any lease", [changed("b1", at(100))], ["b1 without any Lease so far: PATCH web"]],
  [
    "a change before the answer to the first claim",
    [claimed("a1", at(0), at(50)), changed("a1", at(49))],
    ["a1 without any Lease so far: PATCH web"],
  ],
  [
    "a change after the release",
    [...orderly, changed("b1", at(4001))],
    ["b1 1 ms after its Lease had ended: PATCH web"],
  ],
  [
    "a change by what its former life held",
    [claimed("a1", at(0)), changed("a2", at(100))],
    ["a2 without any Lease so far: PATCH web"],
  ],
  [
    "a renewal that was answered late counts from when it was sent",
    [claimed("a1", at(0)), claimed("a1", at(1000), at(2900)), changed("a1", at(4200))],
    ["a1 200 ms after its Lease had ended: PATCH web"],
  ],
  [
    "a renewal that was answered after the lease had ended gives nothing back for the time between",
    [claimed("a1", at(0)), changed("a1", at(3100)), claimed("a1", at(3050), at(3200)), changed("a1", at(3300))],
    ["a1 100 ms after its Lease had ended: PATCH web"],
  ],
  [
    "a lease taken too early",
    [claimed("a1", at(0)), claimed("b1", at(2000), at(2900))],
    ["b1 took the Lease 100 ms before that of a1 ended"],
  ],
  [
    "a witness that looked late accuses nobody",
    [claimed("a1", at(0, 50)), changed("a1", at(2990, 500)), claimed("b1", at(2950, 10), at(2960, 50))],
    [],
  ],
  [
    "a witness that looked late accuses of what is beyond doubt",
    [claimed("a1", at(0, 50)), changed("a1", at(3051, 500)), claimed("b1", at(2950, 10), at(2960, 30))],
    ["b1 took the Lease 10 ms before that of a1 ended", "a1 1 ms after its Lease had ended: PATCH web"],
  ],
])("%s", (_, history, wrong) => {
  expect(judge(history)).toEqual(wrong);
});
