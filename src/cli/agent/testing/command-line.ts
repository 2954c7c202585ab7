import { Command } from "commander";
import type { ConfigFile } from "../config-file.ts";
import { type Configuration, type Given, resolve } from "../configuration.ts";
import { decode } from "../document.ts";
import type { FileValue } from "../kinds.ts";
import { addFlags, given, normalizeArguments } from "../options.ts";

/** What a command line gives. */
export function parseFlags(...args: readonly string[]): Given {
  const command = new Command().exitOverride().configureOutput({ writeErr() {} });
  addFlags(command);
  command.parse(normalizeArguments(args), { from: "user" });
  return given(command);
}

/** A file of the right version and kind that holds `fields` beside. */
export function configFile(fields: { readonly [key: string]: FileValue } = {}): ConfigFile {
  const document = { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration", ...fields };
  return { path: "FILE", hash: "", ...decode(document, "FILE") };
}

/** The configuration of a command line without a file. */
export function configuration(...args: readonly string[]): Configuration {
  return resolve(parseFlags(...args), undefined);
}
