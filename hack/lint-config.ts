// The linter's configuration, made from the layer table.
import { impureModules, layerOf, layers, pure } from "./import-rules.ts";

const folders = layers.map(({ folder }) => folder);

/** Import patterns, as oxlint's `no-restricted-imports` reads them (gitignore syntax on the import text). */
function restrictions(folder: string, may: readonly string[]): object {
  const wholeTree = may.includes("src");
  const forbidden = wholeTree ? [] : folders.filter((other) => other !== folder && !may.includes(other));
  const group = forbidden.flatMap((other) => {
    const name = other.replace(/^src\//, "");
    // A part of a layer: one file, or a folder by its front door.
    const exceptions = may
      .filter((m) => m.startsWith(`${other}/`))
      .flatMap((m) => [".ts", "/index.ts"].map((end) => `!**/${m.replace(/^src\//, "")}${end}`));
    return [`**/${name}/**`, ...exceptions];
  });
  return group.length === 0
    ? {}
    : { patterns: [{ group, message: `${folder} may not import this (hack/import-rules.ts)` }] };
}

function override(folder: string, may: readonly string[]): object {
  return {
    files: [`${folder}/**/*.ts`],
    rules: { "no-restricted-imports": ["error", restrictions(folder, may)] },
  };
}

export function lintConfig(): object {
  return {
    $schema: "./node_modules/oxlint/configuration_schema.json",
    plugins: ["typescript", "import", "promise", "unicorn"],
    categories: { correctness: "error", suspicious: "error" },
    options: { typeAware: true },
    rules: {
      "typescript/no-explicit-any": "error",
      "typescript/no-floating-promises": "error",
      "typescript/no-misused-promises": "error",
      "typescript/switch-exhaustiveness-check": "error",
      "typescript/no-non-null-assertion": "error",
      "import/no-cycle": "error",
      "import/no-default-export": "error",
      "max-lines": ["error", { max: 400 }],
      "no-restricted-globals": ["error", "alert"],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: "take a Clock (src/base)" },
        { object: "Math", property: "random", message: "take a Random (src/base)" },
        { object: "process", property: "env", message: "the command hands the environment down (src/cli)" },
      ],
      // Awaiting one after the other is how a level-based loop is meant to run.
      "no-await-in-loop": "off",
      // Type-aware twins of what the type checker already says better.
      "typescript/no-unsafe-type-assertion": "off",
      "unicorn/no-array-sort": "off",
      "unicorn/no-array-reverse": "off",
      "unicorn/consistent-function-scoping": "off",
      "unicorn/require-module-specifiers": "off",
      "import/no-unassigned-import": "off",
      // fast-check is used as its manual does: `import fc from "fast-check"`.
      "import/no-named-as-default-member": "off",
      "no-shadow": "off",
      "no-underscore-dangle": "off",
    },
    ignorePatterns: ["**/testdata/**"],
    overrides: [
      ...layers.map(({ folder, may }) => override(folder, may)),
      ...pure.map((path) => ({
        files: [path.endsWith(".ts") ? path : `${path}/**/*.ts`],
        rules: {
          "no-restricted-imports": [
            "error",
            {
              ...restrictions(path, layerOf(`${path}/`)?.may ?? []),
              paths: impureModules.map((name) => ({ name, message: `${path} does no I/O` })),
            },
          ],
        },
      })),
      {
        files: ["src/base/**", "src/cli/**", "hack/**", "e2e/**", "bench/**", "images/**"],
        rules: { "no-restricted-properties": "off" },
      },
      { files: ["vitest.config.ts"], rules: { "import/no-default-export": "off" } },
      { files: ["**/testing/**"], rules: { "no-restricted-imports": "off" } },
      {
        files: ["**/*.test.ts"],
        rules: {
          "no-restricted-imports": "off",
          "typescript/no-explicit-any": "off",
          "typescript/no-non-null-assertion": "off",
          "typescript/unbound-method": "off",
        },
      },
    ],
  };
}
