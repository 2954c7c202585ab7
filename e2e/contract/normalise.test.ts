import { describe, expect, it } from "vitest";
import { Normaliser } from "./normalise.ts";

function normalise(text: string): string {
  return new Normaliser().next()(text);
}

describe("Normaliser", () => {
  it("makes tables independent of ages, allocated values and column widths", () => {
    const first =
      "NAME   TYPE       CLUSTER-IP     PORT(S)        AGE\nweb    NodePort   10.96.14.200   80:31999/TCP   3s\n";
    const second =
      "NAME   TYPE       CLUSTER-IP   PORT(S)        AGE\nweb    NodePort   10.96.1.2    80:30086/TCP   2m13s\n";
    expect(normalise(first)).toBe(normalise(second));
    expect(normalise(first)).toBe(
      "NAME  TYPE  CLUSTER-IP  PORT(S)  AGE\nweb  NodePort  <address 1.1>  80:<port 1.1>/TCP  <age>\n",
    );
  });

  it("keeps values of the static bands and numbers that only look like ports", () => {
    const text = "10.96.0.20 fd00:96::60 30085 32768 130100 v1.30100x 5s\n";
    expect(normalise(text)).toBe(text);
  });

  it("keeps equality over steps, and a surplus value in one step renames none of another", () => {
    const run = (steps: string[]): string[] => {
      const normaliser = new Normaliser();
      return steps.map((text) => normaliser.next()(text));
    };
    expect(run(["30100 30200", "30300 30200"])).toEqual(["<port 1.1> <port 1.2>", "<port 2.1> <port 1.2>"]);
    expect(run(["30100 30200 31000", "30300 30200"])[1]).toBe("<port 2.1> <port 1.2>");
  });

  it("takes a port that is seen again after a long time for another one, but never a uid", () => {
    const normaliser = new Normaliser();
    const uid = "0a1b2c3d-0000-4111-8222-333344445555";
    const seen = Array.from({ length: 40 }, (_, step) =>
      normaliser.next()([0, 15, 30, 39].includes(step) ? "30100" : step === 1 ? uid : ""),
    );
    expect([seen[15], seen[30], seen[39]]).toEqual(["<port 1.1>", "<port 1.1>", "<port 1.1>"]);
    for (let step = 0; step < 21; step += 1) normaliser.next();
    expect(normaliser.next()(`30100 ${uid}`)).toBe("<port 62.1> <uid 2.1>");
  });

  it.each([
    ["uid: 0a1b2c3d-0000-4111-8222-333344445555", "uid: <uid 1.1>"],
    ['resourceVersion: "42"', 'resourceVersion: "<version 1.1>"'],
    ['"resourceVersion": "42",', '"resourceVersion": "<version 1.1>",'],
    ["creationTimestamp: 2026-01-02T03:04:05Z", "creationTimestamp: <time>"],
    ["CreationTimestamp:  Fri, 02 Jan 2026 03:04:05 +0000", "CreationTimestamp:  <time>"],
    ["clusterIP: fd00:96::1a2b", "clusterIP: <address 1.1>"],
    ["service/probe-x7k2p created", "service/probe-<name 1.1> created"],
    ["control plane is running at \u001b[0;33mhttps://127.0.0.1:6443\u001b[0m", "control plane is running at <server>"],
    ["--- /tmp/LIVE-1234/v1.Service.web  2026-01-02 03:04:05.678 +0000", "--- /tmp/LIVE/v1.Service.web  <time>"],
    ["  deep:   indentation stays", "  deep:  indentation stays"],
  ])("%j", (raw, expected) => {
    expect(normalise(raw)).toBe(expected);
  });

  it("drops log lines", () => {
    expect(normalise("I0102 03:04:05.6  1 round_trippers.go:1] x\nweb  b\n")).toBe("web  b\n");
  });
});
