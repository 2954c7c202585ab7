// docs/agent-flags.md, made from the tables that the agent itself reads its flags and files with.

import { fieldAt, fieldPaths } from "../src/cli/agent/fields.ts";
import { shown } from "../src/cli/agent/options.ts";
import { switchAt, switchNames } from "../src/cli/agent/switches.ts";
import { formatMs } from "../src/cli/go-duration.ts";
import { code, table } from "./markdown-table.ts";

/** The page; `make golden` writes it. */
export function agentFlagsPage(): string {
  return `${introduction}
## Fields and their flags

${followedTable()}

## Taken, and without effect

A value that is not the default is named in one warning when the agent starts.

${ignoredTable()}

## Flags that no file knows

${switchTable()}
`;
}

const introduction = `# The flags and the file of \`berth agent\`

<!-- Made from src/cli/agent/fields*.ts and switches.ts; rewrite with \`make golden\`. -->

\`berth agent\` takes every flag of kube-proxy 1.37 and its configuration file (\`kubeproxy.config.k8s.io/v1alpha1\`, YAML or
JSON), so that its image takes the place of kube-proxy's in a DaemonSet whose arguments and ConfigMap stay as they are.

- Without \`--config\` the flags count. With it the file counts, and of the flags for its fields only \`--hostname-override\`
  and those for logs; whatever else is given is named in a warning. \`null\`, an empty text and zero in a file mean the
  default, but for the fields marked "0 counts".
- Unknown fields, fields given twice and further YAML documents are warnings. A wrong type, kind or version, and a value
  that contradicts another or that nobody could follow, end the start with exit code 2 and one line that says where.
- When the file changes the agent ends with exit code 1, to be started again with it. The rules stay meanwhile.
- \`--write-config-to FILE\` writes what holds as such a file; \`/configz\` of a running agent shows it.
- \`-v N\`: up to 3 is Berth's level \`info\`, from 4 on it is \`debug\`; \`--log-level\` is above it.
- Settings of the machine (connection tracking, \`route_localnet\`, the OOM score) that cannot be written are warnings:
  kube-proxy ends instead. \`--init-only\` makes just these, with full privileges.
- If another proxy of Services answers on this node the agent does not start, unless \`--force\` is given. A port of the
  health or metrics server that something else has is tried again every 5 s, or ends the start with
  \`--bind-address-hard-fail\`.

## Beside another proxy

\`--service-proxy-name NAME\` makes this the proxy of the Services with the label
\`service.kubernetes.io/service-proxy-name: NAME\`, which kube-proxy leaves alone; those without the label it leaves to
kube-proxy. A Service goes from one to the other when its label changes. To run on the same node takes

- \`--iptables-chain-prefix PREFIX\`: chains called \`PREFIX-SERVICES\`, \`PREFIX-SVC-...\` and so on, as with the same names both
  would delete each other's rules. \`KUBE-FIREWALL\` alone is shared, with kubelet too. Without a prefix the start is
  refused; give \`KUBE\` if there is no other proxy;
- \`--healthz-bind-address\` and \`--metrics-bind-address\` with ports that the other has not.

Each finds, repairs and cleans up (\`berth agent cleanup --iptables-chain-prefix PREFIX\`) only what is its own. Both may mark
with the same bit: whichever POSTROUTING chain comes first masquerades and ends the table for that packet. What no proxy can
see is a conflict between Services of two: where both ask for the same address and port, the one whose jumps stand above has
it. The Lease of such an agent is \`berth-agent.PREFIX.NODE\`, in small letters. A prefix without a proxy name serves the same
Services as kube-proxy, from chains of its own: a way to change from one to the other.
`;

function followedTable(): string {
  const rows = fieldPaths.flatMap((path) => {
    const { flag, short, kind, fallback, help, differs, pointer, instead } = fieldAt(path);
    if (instead !== undefined) return [];
    const notes = [help, ...(differs === undefined ? [] : [`**Differs:** ${differs}`])];
    if (pointer === true && kind.zero !== fallback) notes.push("0 counts");
    const name = flag === undefined ? "" : code(short === undefined ? `--${flag}` : `-${short}`);
    return [[code(path), name, kind.name, code(shown(kind, fallback)), notes.join(". ")]];
  });
  return table(["field", "flag", "type", "default", "meaning"], rows);
}

function ignoredTable(): string {
  const rows = fieldPaths.flatMap((path) => {
    const { flag, kind, fallback, instead } = fieldAt(path);
    if (instead === undefined) return [];
    return [[code(path), flag === undefined ? "" : code(`--${flag}`), code(shown(kind, fallback)), instead]];
  });
  return table(["field", "flag", "default", "instead"], rows);
}

function switchTable(): string {
  const rows = switchNames.map((name) => {
    const { kind, fallback, fallbackText, help, own, replaced } = switchAt(name);
    const standard = fallbackText ?? (kind.name === "duration" ? formatMs(Number(fallback)) : shown(kind, fallback));
    const meaning = replaced === undefined ? help : `${help} (deprecated: give ${replaced})`;
    return [code(`--${name}`), kind.name, code(standard), own === true ? "Berth" : "kube-proxy", meaning];
  });
  return table(["flag", "type", "default", "whose", "meaning"], rows);
}
