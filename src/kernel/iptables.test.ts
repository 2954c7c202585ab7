import { expect, it } from "vitest";
import { FakeIptables } from "./fake-iptables.ts";

import {
  type Exec,
  Iptables,
  isRestoreFailure,
  LockFileError,
  LockHeldError,
  NotPermittedError,
  ProgramKilledError,
  RestoreError,
  UnreadableTableError,
} from "./index.ts";

const signal = new AbortController().signal;

function failing(stderr: string, code = 1): Iptables {
  const exec: Exec = { run: async () => ({ code, stdout: "", stderr }) };
  return new Iptables(exec, "IPv4");
}

const input = "*nat\n:FOO - [0:0]\n-A FOO -j BAR\nCOMMIT\n";

// What version 1.8.9 prints, of nf_tables and of legacy.
it.each([
  [
    "iptables-nft-restore v1.8.9 (nf_tables): Chain 'BAR' does not exist\nError occurred at line: 4\nTry `iptables-nft-restore -h' or 'iptables-nft-restore --help' for more information.\n",
    4,
    "iptables-restore refused the rules at line 4 (COMMIT): iptables-nft-restore v1.8.9 (nf_tables): Chain 'BAR' does not exist",
  ],
  [
    "iptables-nft-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (Invalid argument): rule in chain FOO\n",
    3,
    "iptables-restore refused the rules at line 3 (-A FOO -j BAR): line 3: RULE_APPEND failed (Invalid argument): rule in chain FOO",
  ],
  [
    "iptables-restore v1.8.9 (legacy): Couldn't load target `BAR':No such file or directory\n\nError occurred at line: 3\n",
    3,
    "iptables-restore refused the rules at line 3 (-A FOO -j BAR): iptables-restore v1.8.9 (legacy): Couldn't load target `BAR':No such file or directory",
  ],
  [
    "iptables-restore: line 4 failed\n",
    4,
    "iptables-restore refused the rules at line 4 (COMMIT): iptables-restore: line 4 failed",
  ],
  [
    "Warning: Extension ipvs revision 0 not supported, missing kernel module?\niptables-restore: line 4 failed\n",
    4,
    "iptables-restore refused the rules at line 4 (COMMIT): iptables-restore: line 4 failed; Warning: Extension ipvs revision 0 not supported, missing kernel module?",
  ],
])("reads %j", async (stderr, line, message) => {
  const error = await failing(stderr)
    .restore(input, signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RestoreError);
  expect([(error as RestoreError).line?.number, (error as RestoreError).message]).toEqual([line, message]);
});

it("names every line that nf_tables refuses", async () => {
  const stderr = "iptables-nft-restore v1.8.9 (nf_tables): \nline 2: CHAIN failed\nline 3: RULE_APPEND failed\n";
  await expect(failing(stderr, 4).restore(input, signal)).rejects.toMatchObject({
    lines: [
      { number: 2, text: ":FOO - [0:0]" },
      { number: 3, text: "-A FOO -j BAR" },
    ],
  });
});

it("names the file of a lock that somebody holds", async () => {
  const stderr = "Another app is currently holding the xtables lock; still 0s 100000us time ahead...\n";
  const error = await failing(stderr, 4)
    .restore(input, signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LockHeldError);
  expect((error as Error).message).toMatch(/ has held the lock \/run\/xtables.lock for more than 5 s/);
});

it("names the file that the environment of the tools tells them to lock", async () => {
  const stderr = "Another app is currently holding the xtables lock\n";
  const exec: Exec = {
    run: async (program, args) =>
      program === "printenv" && args.join() === "XTABLES_LOCKFILE"
        ? { code: 0, stdout: "/run/nowhere/our.lock\n", stderr: "" }
        : { code: 4, stdout: "", stderr },
  };
  const message = " has held the lock /run/nowhere/our.lock for more than 5 s";
  const iptables = new Iptables(exec, "IPv4");
  await expect(iptables.restore(input, signal)).rejects.toThrow(message);
  await expect(iptables.hasRule("nat", "OUTPUT", "-j FOO", signal)).rejects.toThrow(message);
});

it.each(["No space left on device", "Read-only file system", "No such file or directory"])(
  "says what to do about a lock file that cannot be made: %s",
  async (why) => {
    const error = await failing(`Fatal: can't open lock file /run/xtables.lock: ${why}\n`, 4)
      .restore(input, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockFileError);
    expect((error as Error).message).toBe(
      `iptables-restore: cannot open the lock file /run/xtables.lock (${why}); make room for it, or mount the host's /run/xtables.lock into the container`,
    );
    expect(isRestoreFailure(error)).toBe(true);
  },
);

it("knows a restore that was killed from another program", () => {
  const killed = (program: string): Error => new ProgramKilledError(program, [], "SIGKILL", undefined);
  expect([isRestoreFailure(killed("ip6tables-restore")), isRestoreFailure(killed("iptables-save"))]).toEqual([
    true,
    false,
  ]);
});

it("tells which tables cannot be shown, and fails only for one that is needed", async () => {
  const raw = "# Table `raw' is incompatible, use 'nft' tool.\n";
  const exec: Exec = {
    run: async () => ({ code: 0, stdout: `${raw}*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n`, stderr: "" }),
  };
  const iptables = new Iptables(exec, "IPv4");
  const { tables, unreadable } = await iptables.read(signal);
  expect([[...tables.keys()], [...unreadable]]).toEqual([["nat"], ["raw"]]);
  expect([...(await iptables.save(signal, ["nat", "filter"])).keys()]).toEqual(["nat"]);
  await expect(iptables.save(signal)).rejects.toThrow(/^iptables-save: table raw holds rules .*'nft list ruleset'/);
  await expect(iptables.saveText(signal, "raw")).rejects.toThrow(UnreadableTableError);
});

it("hands over large input in pieces, byte for byte", async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `-A FOO -m comment --comment c${i} -j ACCEPT`);
  const pieces: string[] = [];
  const exec: Exec = {
    run: async (_program, _args, { stdin }) => {
      for (const piece of stdin as Iterable<string>) pieces.push(piece);
      return { code: 0, stdout: "", stderr: "" };
    },
  };
  await new Iptables(exec, "IPv4").restore(lines, signal);
  expect(pieces.join("")).toBe(`${lines.join("\n")}\n`);
  expect(pieces.length).toBeGreaterThan(10);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(70_000);
});

it.each([
  "iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n",
  "Fatal: can't open lock file /run/xtables.lock: Permission denied\n",
])("tells who may: %j", async (stderr) => {
  await expect(failing(stderr, 4).save(signal)).rejects.toThrow(NotPermittedError);
  await expect(failing(stderr, 4).restore(input, signal)).rejects.toThrow(/run as root or with CAP_NET_ADMIN/);
});

it.each([
  ["a jump to a missing chain", ":FOO - [0:0]\n-A FOO -j BAR", "Chain 'BAR' does not exist"],
  ["a rule in an undeclared chain", "-A FOO -j ACCEPT", "No chain/target/match by that name."],
  ["deleting a chain with rules", ":FOO - [0:0]\n-A FOO -j ACCEPT\n-X FOO", "CHAIN_DEL failed"],
  ["deleting a chain in use", ":FOO - [0:0]\n-A INPUT -j FOO\n-X FOO", "chain FOO is used by INPUT"],
  ["a position beyond the end", ":FOO - [0:0]\n-I INPUT 2 -j FOO", "Index of insertion too big."],
])("the fake refuses %s and changes nothing", async (_what, lines, message) => {
  const fake = new FakeIptables("IPv4");
  const before = fake.save();
  await expect(new Iptables(fake, "IPv4").restore(`*nat\n${lines}\nCOMMIT\n`, signal)).rejects.toThrow(message);
  expect(fake.save()).toBe(before);
});
