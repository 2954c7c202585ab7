// The kernel as Berth sees it: child processes (iptables-restore, iptables-save, nft, conntrack, ip), never a shell,
// input on standard input; and files of /proc, to read. Invariant: text that the kernel's tools print is parsed here
// and nowhere else.
export { Conntrack, type FlowFilter, oneOfEach, type UdpFlow } from "./conntrack.ts";
export {
  type Exec,
  type ExecOptions,
  type ExecResult,
  execOk,
  type Input,
  inputText,
  netnsExec,
  netnsPath,
  ProgramFailedError,
  ProgramKilledError,
  ProgramMissingError,
  systemExec,
} from "./exec.ts";
export { type Follow, type FollowResult, netnsFollow, systemFollow } from "./follow.ts";

export {
  Iptables,
  isRestoreFailure,
  LockFileError,
  LockHeldError,
  NotPermittedError,
  RestoreError,
  UnreadableTableError,
} from "./iptables.ts";

export { findIptables, flavouredExec, type IptablesTools } from "./iptables-flavour.ts";
export {
  canonicalRule,
  markChange,
  parseRule,
  type Rule,
  type RuleExtension,
  type RuleOption,
  ruleTarget,
} from "./iptables-rule.ts";
export { parseInSteps, parseIptablesSave, type SavedChain, type SavedTables } from "./iptables-save.ts";
export { type Candidate, findRefused, trialChain } from "./iptables-trial.ts";
export { type Flavour, formatVersion, isAtLeast } from "./iptables-version.ts";
export { type LegacyTables, openLegacyTables } from "./legacy-tables.ts";
export { findLink, ipBatch, listLinks } from "./links.ts";
export { readLocalSockets } from "./local-sockets.ts";
export { addNetns, deleteNetns, listNetns } from "./netns.ts";
export { Nfacct } from "./nfacct.ts";
export { applyNft, listNftChain, untilMonitorListens } from "./nft.ts";
export { type NftProcess, parseMonitorLine } from "./nft-monitor.ts";
export {
  cpuTimeMs,
  findProcess,
  formatProcess,
  isRunning,
  type ProcessId,
  parseProcess,
  signalProcess,
} from "./process.ts";
export { type LocalRoute, listLocalRoutes, listRoutes, routeDevice } from "./routes.ts";
