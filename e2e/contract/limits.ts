/** What the sandbox does otherwise than the real API server. */
export type Limit = "managedFields" | "serviceCidrs";

/**
 * The reasons. A step of a script names the limit that it shows; the sandbox must differ there, so that a limit that is
 * gone leaves this table.
 */
export const limits: Readonly<Record<Limit, string>> = {
  managedFields: "The sandbox keeps no managed fields, so a write that changes only these makes no new version.",
  serviceCidrs: "The sandbox's ranges are flags: it serves neither ServiceCIDR nor IPAddress objects.",
};
