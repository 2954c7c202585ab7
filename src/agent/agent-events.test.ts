import { expect, it } from "vitest";
import type { EventRecorder } from "../kube/index.ts";
import { service } from "../model/testing/objects.ts";
import { AgentEvents } from "./agent-events.ts";

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
