// docs/controller-flags.md, made from the table that the controller itself reads its flags and its file with.
import { Option } from "commander";
import { fieldOf, flagOf, type SettingName, settingAt, settingNames } from "../src/cli/controller/settings.ts";
import { providerLoaders } from "../src/cli/providers.ts";
import { code, table } from "./markdown-table.ts";

/** The page; `make golden` writes it. */
export async function controllerFlagsPage(): Promise<string> {
  return `${introduction}
## Flags and fields

${settingTable()}

## Of providers

Each is a text. They hold while the provider runs, and are refused otherwise.

${await providerTable()}

## Beside a file

${table(["flag", "meaning"], [[code("--config"), "the file; there is no field for it"]])}
`;
}

const introduction = `# The flags and the file of \`berth controller\`

<!-- Made from src/cli/controller/settings.ts and the providers' flags; rewrite with \`make golden\`. -->

\`\`\`yaml
apiVersion: controller.berth.dev/v1alpha1
kind: ControllerConfiguration
providers: [node]
driftResyncPeriod: 5m
providerRate: ["write=10:20"]
\`\`\`

- A field is called as its flag, in camel case: \`--leader-elect-retry-period 5s\` is \`leaderElectRetryPeriod: 5s\`.
- \`--config FILE\` names the file, in YAML or JSON. A flag wins over its field, a list as a whole; what neither says is the
  default. The file is read once, at the start.
- An unknown field, a wrong type, a value that nobody could follow and values that contradict each other end the start with
  exit code 2 and one line that names the field or the flag, what it got, and the remedy; of an unknown field the nearest
  known one.
- Durations are written as in Go (\`100ms\`, \`1m30s\`). A flag of a list may be repeated or hold commas.
`;

function settingTable(): string {
  const rows = settingNames.map((name) => {
    const { kind, help } = settingAt(name);
    return [code(flagOf(name)), code(name), kind.name, usual(name), help];
  });
  return table(["flag", "field", "type", "default", "meaning"], rows);
}

function usual(name: SettingName): string {
  const { fallback, fallbackText, variable } = settingAt(name);
  // What stands for nothing given is told in words.
  if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) return fallbackText ?? "";
  const text = code(fallbackText ?? (typeof fallback === "object" ? "" : String(fallback)));
  return variable === undefined ? text : `${text}; ${code(variable)} where it is set`;
}

async function providerTable(): Promise<string> {
  const modules = await Promise.all([...providerLoaders.values()].map(async (load) => (await load()).provider));
  const rows = modules.flatMap(({ name, flags }) =>
    flags.map(({ flag, description }) => {
      const { long = "" } = new Option(flag);
      return [code(name), code(long), code(fieldOf(long)), description];
    }),
  );
  return table(["provider", "flag", "field", "meaning"], rows);
}
