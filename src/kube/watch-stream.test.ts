import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokenStreamError, KubeApiError } from "./index.ts";
import { type WatchEvent, watchEvents } from "./watch-stream.ts";

async function* chunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of [...sizes, bytes.length]) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function read(text: string, sizes: readonly number[] = []): Promise<WatchEvent<any>[]> {
  return Array.fromAsync(watchEvents<any>(chunks(Buffer.from(text), sizes)));
}

it("finds the same events however the bytes are cut", async () => {
  const event = fc.record({
    type: fc.constantFrom("ADDED", "MODIFIED", "DELETED", "BOOKMARK"),
    object: fc.record({ metadata: fc.record({ name: fc.string({ unit: "grapheme" }) }) }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(event), fc.array(fc.nat({ max: 40 })), async (events, sizes) => {
      expect(await read(events.map((e) => `${JSON.stringify(e)}\n`).join(""), sizes)).toEqual(events);
    }),
  );
});

it("unsets managed fields, which nobody reads", async () => {
  const [event] = await read('{"type":"ADDED","object":{"metadata":{"name":"a","managedFields":[{}]}}}\n');
  expect(event?.object.metadata.managedFields).toBeUndefined();
});

describe("ends with an error", () => {
  const good = '{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n';

  it.each([
    ["a line that is no JSON", `${good}<html>\n`],
    ["a line that is no event", `${good}{"type":"ADDED"}\n`],
    ["an unknown type", `${good}{"type":"MOVED","object":{}}\n`],
    ["null", "null\n"],
    ["an empty line", "\n"],
    ["half a line at the end", good + good.slice(0, 20)],
  ])("on %s", async (_, text) => {
    await expect(read(text)).rejects.toBeInstanceOf(BrokenStreamError);
  });

  it("on an event without end, before it fills the memory", async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(1024 * 1024, 0x20);
    }
    const reading = Array.fromAsync(watchEvents(endless()));
    await expect(reading).rejects.toThrow("the watch sent an event of more than 16 MiB");
  });

  it("on an ERROR event, with the server's own words", async () => {
    const status = { code: 410, reason: "Expired", message: "too old" };
    const error = await read(`${JSON.stringify({ type: "ERROR", object: status })}\n`).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KubeApiError);
    expect(error).toMatchObject(status);
  });
});
