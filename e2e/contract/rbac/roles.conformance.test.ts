import { kubeApiserver } from "../kube-apiserver.ts";
import { checkRoles } from "./suite.ts";

checkRoles(kubeApiserver, () => false);
