// A program that outlives whoever starts it: `node background.ts start NAME FILE ARGUMENT...` resolves with its first
// output; `node background.ts end NAME` asks it to end and prints all that it wrote, which ends with a line of JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const [what = "", name = "", ...command] = process.argv.slice(2);
const [output, pid] = [join(tmpdir(), `${name}.out`), join(tmpdir(), `${name}.pid`)];

/** Reads what it wrote until that matches. */
async function written(pattern: RegExp): Promise<string> {
  for (;;) {
    const text = readFileSync(output, "utf8");
    if (pattern.test(text)) return text;
    await wait(20);
  }
}

if (what === "start") {
  const file = openSync(output, "w");
  const child = spawn(process.execPath, command, { detached: true, stdio: ["ignore", file, file] });
  await once(child, "spawn");
  writeFileSync(pid, `${child.pid}`);
  child.unref();
  await written(/\n/);
} else {
  process.kill(Number(readFileSync(pid, "utf8")), "SIGTERM");
  process.stdout.write(await written(/\}\n$/));
}
