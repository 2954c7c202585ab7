import { group, widgets } from "../../widgets.ts";
import { kubectl, type Step, withManifest } from "../step.ts";

function widget(name: string, spec: string): string {
  return `{apiVersion: ${group}/v1alpha1, kind: Widget, metadata: {name: ${name}}, spec: ${spec}}\n`;
}

/** A kind of somebody else: found, explained, applied, shown in its columns, refused in the words of its schema. */
export const customSteps: readonly Step[] = [
  // The namespace of the others is gone by now; contexts are called differently.
  kubectl("config set-context --current --namespace=default", { keep: /^$/ }),
  withManifest("create", JSON.stringify(widgets)),
  kubectl(`wait --for=condition=Established crd/widgets.${group}`),
  kubectl("get crds", { until: /widgets/ }),
  kubectl("get crd -o wide"),
  kubectl("get widgets", { until: /No resources/ }),
  kubectl(`api-resources --api-group=${group} -o wide`),
  kubectl("explain widget", { until: /FIELDS/ }),
  kubectl("explain widget.spec.parts"),
  kubectl("explain wd.spec --recursive"),
  kubectl("explain widget.spec.nonsense"),
  withManifest("apply", widget("a", "{color: red, parts: [{name: p}], ratio: 1.5}")),
  withManifest("apply", widget("a", "{color: red, parts: [{name: p}], ratio: 1.5}")),
  withManifest("apply", widget("a", "{color: blue, parts: [{name: p, count: 2}]}")),
  withManifest("apply", widget("b", "{color: red, colour: red}")),
  withManifest("apply --validate=warn", widget("b", "{color: red, at: nonsense}")),
  withManifest("create --validate=warn", widget("b", "{color: red, colour: red, loud: true}")),
  withManifest("create", widget("c", "{color: pink}")),
  withManifest("create", widget("c", "{color: red, rules: {min: 3, max: 2}}")),
  withManifest("create --dry-run=server -o yaml", widget("c", "{color: red}"), { keep: /^(?: {2}\w+:|spec)/ }),
  kubectl("get widgets"),
  kubectl("get wd -o wide"),
  kubectl("get toys"),
  kubectl("get widget/a -o jsonpath={.spec}"),
  kubectl(`patch widget a --type=merge -p '{"spec":{"size":11}}'`),
  kubectl(`patch widget a -p '{"spec":{"size":4}}'`),
  kubectl(`patch widget a --type=merge --subresource=status -p '{"status":{"phase":"Ready"}}'`),
  kubectl("get widget a -o jsonpath={.metadata.generation}/{.status.phase}"),
  kubectl("label widget a shop=main"),
  kubectl("describe widget b", { keep: /^(Name|Kind|Spec|  \w+:)/ }),
  kubectl("delete widgets --all"),
  kubectl(`delete crd widgets.${group}`),
  kubectl("get widgets", { until: /the server doesn't have a resource type/ }),
];
