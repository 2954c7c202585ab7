import { Registry } from "prom-client";
import type { Lease } from "../../api/index.ts";
import { FakeClock } from "../../base/fake-clock.ts";
import { MemoryLog } from "../../telemetry/testing/memory-log.ts";
import { LeaseElection } from "../index.ts";
import { Collection } from "./collection.ts";
import { MemoryClient } from "./memory-client.ts";

/** One candidate with its own line to the API server and its own log of what happened. */
export class Candidate {
  readonly client: MemoryClient;
  readonly election: LeaseElection;
  readonly metrics: Registry = new Registry();
  readonly stop: AbortController = new AbortController();
  readonly log: string[] = [];
  /** Work that goes on for a while after leadership ended. */
  lingerMs = 0;
  readonly ended: Promise<unknown>;

  readonly lines: MemoryLog = new MemoryLog();
  /** What it was told of holders that do something else. */
  readonly others: string[] = [];

  constructor(collection: Collection<Lease>, clock: FakeClock, identity: string, work?: string) {
    this.client = new MemoryClient(collection, clock);
    this.election = new LeaseElection({
      client: this.client,
      namespace: "berth",
      name: "controller",
      identity,
      ...(work !== undefined && {
        work: {
          annotation: "example.com/work",
          value: work,
          onOther: (holder: string, other: string) => void this.others.push(`${holder}: ${other}`),
        },
      }),
      logger: this.lines,
      metrics: this.metrics,
      clock,
      random: () => 0,
    });
    const lead = async (leading: AbortSignal): Promise<void> => {
      this.log.push(`leads@${clock.monotonic()}`);
      await new Promise<void>((resolve) => leading.addEventListener("abort", () => resolve()));
      this.log.push(`stops@${clock.monotonic()}`);
      if (this.lingerMs > 0) await new Promise<void>((resolve) => clock.schedule(resolve, this.lingerMs));
    };
    this.ended = this.election.run(lead, this.stop.signal).then(
      () => "released",
      (error: unknown) => error,
    );
  }
}

export function setUp(): {
  collection: Collection<Lease>;
  clock: FakeClock;
  lease(): Lease["spec"];
  join(id: string, work?: string): Candidate;
} {
  const collection = new Collection<Lease>();
  const clock = new FakeClock();
  return {
    collection,
    clock,
    lease: () => collection.get("controller")?.spec,
    join: (id, work) => new Candidate(collection, clock, id, work),
  };
}

export async function finish(clock: FakeClock, ...candidates: Candidate[]): Promise<void> {
  for (const { stop } of candidates) stop.abort(new Error("test is over"));
  await clock.run(60_000);
  await Promise.all(candidates.map(({ ended }) => ended));
  if (clock.pending.length > 0) throw new Error("something of the candidates is still to come");
}
