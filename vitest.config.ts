import { defineConfig, type ViteUserConfigExport } from "vitest/config";
import { LongestFirst } from "./hack/longest-first.ts";

const shared = {
  environment: "node",
  restoreMocks: true,
  // Far beyond what any machine needs.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // Node's own FFI, as bin/berth has it.
  execArgv: ["--disable-warning=ExperimentalWarning"],
};

const config: ViteUserConfigExport = defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["{src,providers,sandbox,bench,hack,images}/**/*.test.ts"],
          exclude: ["**/*.kernel.test.ts", "**/*.conformance.test.ts"],
          pool: "threads",
          isolate: false,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "kernel",
          include: ["{src,providers,sandbox}/**/*.kernel.test.ts"],
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: [
            "**/*.{conformance,real,kind}.test.ts",
            "e2e/{contract,crash,aws}/**",
            "e2e/scenarios/{set,aws-*,gcp-*}.test.ts",
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "scenarios",
          include: ["e2e/scenarios/{set,aws-*,gcp-*}.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "aws",
          include: ["e2e/aws/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "contract",
          include: ["e2e/contract/**/*.test.ts"],
          exclude: ["**/*.conformance.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "crash",
          include: ["e2e/crash/**/*.test.ts"],
          testTimeout: 600_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "real",
          include: ["e2e/real/**/*.real.test.ts"],
          testTimeout: 600_000,
          // They wait more than they work.
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: "kind",
          include: ["e2e/kind/**/*.kind.test.ts"],
          maxWorkers: 1,
        },
      },
      {
        test: {
          ...shared,
          name: "conformance",
          include: ["{e2e,images,providers,src}/**/*.conformance.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
export default config;
