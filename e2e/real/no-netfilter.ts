/** From the headers of Linux. */
const netlink = 16;
const netlinkOfNetfilter = 12;
const levels = [0, 41];
/** IPT_SO_GET_INFO and IPT_SO_SET_REPLACE, and their like of IPv6. */
const legacyTables = 64;
const errors = { ENOPROTOOPT: 92, EPROTONOSUPPORT: 93 } as const;

interface Argument {
  readonly index: number;
  readonly value: number;
}

/**
 * A profile of seccomp with which the kernel answers as one that has no module of netfilter, neither of nf_tables nor of
 * iptables-legacy.
 */
export const noNetfilter: object = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    refused("EPROTONOSUPPORT", ["socket"], { index: 0, value: netlink }, { index: 2, value: netlinkOfNetfilter }),
    ...levels.map((value) =>
      refused("ENOPROTOOPT", ["getsockopt", "setsockopt"], { index: 1, value }, { index: 2, value: legacyTables }),
    ),
  ],
};

function refused(error: keyof typeof errors, names: readonly string[], ...args: readonly Argument[]): object {
  const equal = args.map((argument) => ({ ...argument, op: "SCMP_CMP_EQ" }));
  return { names, action: "SCMP_ACT_ERRNO", errnoRet: errors[error], args: equal };
}
