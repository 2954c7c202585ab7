import { expect, it } from "vitest";
import type { Event } from "../api/index.ts";
import { systemClock } from "../base/index.ts";
import type { EventRecorder } from "../kube/index.ts";
import { service } from "../model/testing/objects.ts";
import { createMetrics, nullLogger } from "../telemetry/index.ts";
import { AgentEvents, tellFailedStart } from "./agent-events.ts";

it("writes events about the Node, and about Services that are still there", () => {
  const web = service("ns/web", {});
  const written: Parameters<EventRecorder["event"]>[] = [];
  const recorder = { event: (...event: Parameters<EventRecorder["event"]>) => void written.push(event) };
  const events = new AgentEvents(recorder, "node-a", (key) => (key === "ns/web" ? web : undefined));
  events.node("Normal", "Starting", "");
  events.serviceWarning("ns/web", "FrontendRefused", "Program", "taken");
  events.serviceWarning("ns/gone", "FrontendRefused", "Program", "taken");
  expect(written).toEqual([
    [
      { kind: "Node", metadata: { name: "node-a", uid: "node-a" } },
      { type: "Normal", reason: "Starting", action: "StartKubeProxy", note: "" },
    ],
    [
      { apiVersion: "v1", kind: "Service", metadata: web.metadata },
      {
        type: "Warning",
        reason: "FrontendRefused",
        action: "Program",
        note: "node node-a, perhaps others: taken",
        shared: "taken",
      },
    ],
  ]);
});

it("has told of a failed start when it resolves", async () => {
  const written: Event[] = [];
  const client = {
    create: async (_: unknown, event: any) => {
      written.push(event);
      return event;
    },
    patch: () => Promise.reject(new Error("there is nothing to patch")),
  };
  const common = { logger: nullLogger, metrics: createMetrics(), clock: systemClock, random: () => 0.5 };
  await tellFailedStart({ client, identity: "me", ...common }, "node-a", "no such module");
  expect(written).toMatchObject([
    {
      type: "Warning",
      reason: "FailedToStartProxier",
      note: "no such module",
      regarding: { kind: "Node", name: "node-a", uid: "node-a" },
    },
  ]);
});
