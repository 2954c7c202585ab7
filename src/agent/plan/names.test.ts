import { expect, it } from "vitest";
import { chainName } from "./names.ts";

it.each([
  ["ns1/svc1:p80tcp", "XPGD46QRK7WJZT7O"],
  ["ns1/svc1:p80tcp10.180.0.1:80", "SXIVWICOYRO3J4NJ"],
  ["default/kubernetes:httpstcp", "NPX46M4PTMTKRN6Y"],
  ["kube-system/kube-dns:dnsudp", "TCOU7JCQXEZGVUNU"],
])("hashes %s as kube-proxy does", (text, hash) => {
  expect(chainName("KUBE-SVC-", text)).toBe(`KUBE-SVC-${hash}`);
});
