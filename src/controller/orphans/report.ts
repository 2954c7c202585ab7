import type { LoadBalancerClass, Service } from "../../api/index.ts";
import type { Classes } from "../../model/index.ts";
import type { OwnedObject } from "../../provider/index.ts";
import { classesFrom } from "../classes/classes-from.ts";
import { holdersIn, type Orphan, orphansAmong } from "./orphan.ts";

/** What there is at one moment; how long it has been so only the leader knows. */
export interface OrphanReport {
  readonly clusterId: string;
  readonly orphans: readonly ReportedOrphan[];
}

interface ReportedOrphan {
  readonly provider: string;
  readonly namespace: string;
  readonly service: string;
  readonly uid: string;
  /** Tagged to stay: nothing deletes it but a hand. */
  readonly retained: boolean;
  readonly addresses: readonly string[];
  readonly references: readonly string[];
  readonly why: string;
}

export interface Findings {
  readonly clusterId: string;
  /** By the name of the provider. */
  readonly owned: ReadonlyMap<string, readonly OwnedObject[]>;
  readonly services: readonly Service[];
  /** Of flags. */
  readonly classes: Classes;
  readonly classObjects: readonly LoadBalancerClass[];
}

/** Sorted by provider, namespace and name. */
export function orphanReport({ clusterId, owned, services, classes, classObjects }: Findings): OrphanReport {
  const holders = holdersIn(services, classesFrom(classes, classObjects).classes);
  const orphans = [...owned]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([provider, objects]) =>
      orphansAmong(provider, objects, holders).map((orphan) => {
        const { id, retained, addresses, references } = orphan;
        const { namespace, name: service, uid } = id;
        return { provider, namespace, service, uid, retained, addresses, references, why: whyOrphan(orphan, services) };
      }),
    );
  return { clusterId, orphans };
}

function whyOrphan({ id }: Orphan, services: readonly Service[]): string {
  const same = services.find(({ metadata }) => metadata.namespace === id.namespace && metadata.name === id.name);
  if (same === undefined) return "there is no such Service";
  if (same.metadata.uid !== id.uid) return "the Service of this name is another one, with another UID";
  return "the Service does not want it: its type or class is another";
}

/** A table for people. */
export function formatOrphans({ clusterId, orphans }: OrphanReport): string {
  if (orphans.length === 0) return `No load balancer of cluster ${clusterId} is without a Service that wants it.\n`;
  const rows = orphans.map(({ provider, namespace, service, uid, retained, addresses, references, why }) => [
    provider,
    `${namespace}/${service}`,
    uid,
    retained ? "retained" : "orphan",
    addresses.join(",") || "-",
    references.join(","),
    retained ? "it is tagged to stay" : why,
  ]);
  const table = [["PROVIDER", "SERVICE", "UID", "STATE", "ADDRESSES", "REFERENCES", "WHY"], ...rows];
  return table
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widthOf(table, i)))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function widthOf(table: readonly (readonly string[])[], column: number): number {
  return Math.max(...table.map((row) => row[column]?.length ?? 0));
}
