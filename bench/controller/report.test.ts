import { expect, it } from "vitest";
import type { Access } from "../../e2e/contract/target.ts";
import type { Life } from "./life.ts";
import { report } from "./report.ts";

function access(verb: string, resource: string): Access {
  return { user: "u", verb, group: "", resource, subresource: "", namespace: "", name: "", allowed: true };
}

it("sets restarts beside the first start, with the most writes of each kind", () => {
  const life: Life = {
    contender: "restart",
    readyMs: 500,
    reconciledMs: 1000,
    usage: { cpuMs: 900, residentBytes: 2 ** 27 },
    restBytes: 2 ** 26,
    accesses: [access("watch", "services"), access("update", "leases")],
  };
  const first: Life = {
    ...life,
    contender: "first start",
    reconciledMs: 4000,
    accesses: [access("patch", "services"), access("create", "events"), access("patch", "ipaddresspools")],
  };
  expect(report([first, life, { ...life, reconciledMs: 1200 }, { ...life, accesses: [] }])).toBe(
    `
| measure                           | samples | restart | first start | ratio to first start |
| --------------------------------- | ------: | ------: | ----------: | -------------------: |
| start to /readyz                  |       3 |  500 ms |      500 ms |                 1.00 |
| start to all reconciled           |       3 | 1000 ms |     4000 ms |                 0.25 |
| start to all reconciled, CPU time |       3 |  900 ms |      900 ms |                 1.00 |
| RSS then                          |       3 | 128 MiB |     128 MiB |                 1.00 |
| reads                             |       3 |       1 |           0 |                    - |
| writes, Services                  |       3 |       0 |           1 |                 0.00 |
| writes, events                    |       3 |       0 |           1 |                 0.00 |
| writes, Records                   |       3 |       0 |           0 |                    - |
| writes, the controller's Lease    |       3 |       1 |           0 |                    - |
| writes, all others                |       3 |       0 |           1 |                 0.00 |`.trim(),
  );
});
