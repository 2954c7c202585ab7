import { expect, it } from "vitest";
import { holderOf } from "./file-lock.ts";

const locks = `1: POSIX  ADVISORY  WRITE 300 00:19:1181 0 EOF
2: FLOCK  ADVISORY  WRITE 4021 fe:00:1181 0 EOF
2: -> FLOCK  ADVISORY  WRITE 4022 fe:00:1181 0 EOF
3: FLOCK  ADVISORY  READ 0 fe:00:1182 0 EOF
`;

it.each([
  [1181, 4021],
  [1182, undefined],
  [118, undefined],
])("says who holds inode %i: %s", (inode, pid) => {
  expect(holderOf(locks, inode)).toBe(pid);
});
