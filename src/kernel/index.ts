// The kernel as Berth sees it: child processes only (iptables-restore, iptables-save, nft, conntrack, ip), never a
// shell, input on standard input. Invariant: text that the kernel's tools print is parsed here and nowhere else.
export {
  type Exec,
  type ExecOptions,
  type ExecResult,
  execOk,
  netnsExec,
  netnsPath,
  ProgramFailedError,
  ProgramMissingError,
  systemExec,
} from "./exec.ts";
export { ipBatch, type Link, type LinkAddress, listLinks } from "./links.ts";
export { addNetns, deleteNetns, listNetns } from "./netns.ts";
export { applyNft, listNftTable, type NftFamily, nftTableComment } from "./nft.ts";
export {
  findProcess,
  formatProcess,
  isRunning,
  type ProcessId,
  parseProcess,
  signalProcess,
} from "./process.ts";
