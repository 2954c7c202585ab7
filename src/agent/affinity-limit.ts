import type { KernelFiles } from "./host-settings.ts";
import type { Note } from "./iptables-host.ts";

const parameter = "/sys/module/xt_recent/parameters/ip_list_tot";
/** Nobody needs to hear of a limit that somebody has raised this far. */
const enough = 10_000;

/**
 * Session affinity rests on xt_recent, which keeps a list of clients for each endpoint. Its length is set when the
 * module is loaded, 100 by default: on busy Services clients lose their endpoint, and nothing else says why.
 */
export async function affinityNotes(files: Pick<KernelFiles, "read">): Promise<readonly Note[]> {
  const text = await files.read(parameter);
  const limit = Number(text ?? Number.NaN);
  if (Number.isNaN(limit) || limit >= enough) return [];
  const why =
    "xt_recent remembers so many clients of an endpoint and forgets those that were not seen for the longest time; for more, put " +
    `'options xt_recent ip_list_tot=${enough}' into /etc/modprobe.d and load the module anew`;
  return [["info", "session affinity is limited by the kernel", { count: limit, why }]];
}
