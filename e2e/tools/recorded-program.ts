// Stands in front of a program on PATH, so that tests count what a process of ours really runs.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Puts wrappers for `programs` into `directory`; each call appends its standard input to a file, then runs the real one. */
export function recordPrograms(directory: string, programs: readonly string[]): void {
  mkdirSync(directory, { recursive: true });
  for (const program of programs) {
    const wrapper = join(directory, program);
    writeFileSync(
      wrapper,
      `#!/bin/sh
input=$(mktemp)
cat > "$input"
{ cat "$input"; echo "${callEnd}"; } >> "${directory}/${program}.calls"
PATH=\${PATH#${directory}:} ${program} "$@" < "$input"
code=$?
rm -f "$input"
exit $code
`,
    );
    chmodSync(wrapper, 0o755);
  }
}

const callEnd = "# end of call";

/** What each call of the program was given on standard input, in order. */
export function recordedCalls(directory: string, program: string): readonly string[] {
  const file = join(directory, `${program}.calls`);
  return existsSync(file) ? readFileSync(file, "utf8").split(`${callEnd}\n`).slice(0, -1) : [];
}
