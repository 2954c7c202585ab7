import { expect, it } from "vitest";
import { cutList, jsonAnswer, pageOf } from "./index.ts";

const items = ["b/x", "a/y", "a/x"].map((key) => ({ key }));

it.each<[string, object]>([
  ["", { total: 3, items: ["a/x", "a/y", "b/x"] }],
  ["limit=2", { total: 3, next: "a/y", items: ["a/x", "a/y"] }],
  ["limit=2&after=a/y", { total: 3, items: ["b/x"] }],
  ["service=a/y", { total: 3, items: ["a/y"] }],
  ["service=c/z", { total: 3, items: [] }],
  ["limit=0", { total: 3, items: ["a/x", "a/y", "b/x"] }],
  ["limit=x", { total: 3, items: ["a/x", "a/y", "b/x"] }],
])("a page asked for by %j", (query, expected) => {
  const found = pageOf(items, new URLSearchParams(query), ({ key }) => ({ key })) as { items: { key: string }[] };
  expect({ ...found, items: found.items.map(({ key }) => key) }).toEqual(expected);
});

it("no page is endless", () => {
  const many = Array.from({ length: 3000 }, (_, i) => ({ key: String(i).padStart(4, "0") }));
  expect(pageOf(many, new URLSearchParams("limit=99999"), (item) => item)).toMatchObject({ total: 3000, next: "1999" });
  expect(pageOf(many, new URLSearchParams(), (item) => item)).toMatchObject({ total: 3000, next: "0199" });
  expect(cutList(many)).toEqual({ total: 3000, first: many.slice(0, 500) });
  expect(cutList(items)).toEqual(items);
});

it("no cache keeps what a debug page says", () => {
  expect(jsonAnswer({ a: 1 })).toEqual({
    status: 200,
    contentType: "application/json",
    headers: { "x-content-type-options": "nosniff", "cache-control": "no-cache, private" },
    body: '{"a":1}',
  });
});
