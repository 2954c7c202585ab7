import { env } from "node:process";

/** What the sandbox is held to, and what transcripts tell unless a version has a difference of its own. */
export const newestVersion = "1.37.2";

/** The Kubernetes that `KUBE` asks for, as `make conformance KUBE=1.35.4` does. */
export const kubeVersion: string = env["KUBE"] || newestVersion;
