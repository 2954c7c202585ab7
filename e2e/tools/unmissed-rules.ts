import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath, stdout } from "node:process";

const root = new URL("../..", import.meta.url).pathname;

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

export interface Trial {
  readonly rules: readonly string[];
  /** The environment variable that turns off the rule of its value. */
  readonly variable: string;
  /** The folder with the adapter's acceptance tests. */
  readonly acceptance: string;
  /** vitest's arguments for those that most likely miss a rule: the whole is asked only about what they do not miss. */
  readonly first: (rule: string) => readonly string[];
}

/**
 * Turns off one rule of a stand-in after the other, runs an adapter's acceptance tests on it and tells which of them fail.
 * Returns the rules that none of them misses: they prove nothing. Throws if tests fail with all rules on.
 */
export function unmissedRules({ rules, variable, acceptance, first }: Trial): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), "berth-rules-"));
  try {
    const report = join(directory, "report.json");
    const missing = (rule: string, args: readonly string[]): readonly string[] => failing(report, variable, rule, args);
    if (missing("", [acceptance]).length > 0) throw new Error("tests fail with all rules on");
    return rules.filter((rule) => {
      const soon = missing(rule, first(rule));
      const titles = soon.length > 0 ? soon : missing(rule, [acceptance]);
      stdout.write(`${rule}: ${titles.length > 0 ? `missed by ${titles.join("; ")}` : "not missed"}\n`);
      return titles.length === 0;
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The titles of the tests that fail without a rule. */
function failing(report: string, variable: string, rule: string, args: readonly string[]): readonly string[] {
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--reporter=json"];
  const env = { ...process.env, [variable]: rule };
  spawnSync(execPath, [...vitest, `--outputFile=${report}`, ...args], { cwd: root, env });
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "failed")
    .map(({ title }) => title);
}
