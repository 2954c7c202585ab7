// The files through which a load balancer's owner and its `berth balancer` process talk: `config.json` says what is
// wanted, `status.json` what is in force, `pid` who works on it. Pure: text in, values out. Invariant: a file is
// replaced as a whole (written beside it, then renamed), so a reader never sees half of one.
export {
  type BalancerConfig,
  type BalancerPort,
  type BalancerTarget,
  type HealthCheck,
  parseBalancerConfig,
  renderBalancerConfig,
  type SessionAffinity,
} from "./config.ts";
export { type BalancerFile, balancerFiles } from "./files.ts";
export { type BalancerStatus, parseBalancerStatus, renderBalancerStatus, type TargetStatus } from "./status.ts";
export { textHash } from "./text-hash.ts";
