import { defineConfig, type ViteUserConfigExport } from "vitest/config";

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
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["{src,providers,sandbox,bench,hack}/**/*.test.ts"],
          exclude: ["**/*.kernel.test.ts", "**/*.conformance.test.ts"],
          pool: "threads",
          isolate: false,
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
          exclude: ["**/*.conformance.test.ts", "e2e/contract/**", "e2e/crash/**"],
          testTimeout: 120_000,
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
          name: "conformance",
          include: ["{e2e,providers}/**/*.conformance.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
export default config;
