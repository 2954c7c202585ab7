import { kubeApiserver } from "../kube-apiserver.ts";
import { checkRoles, isBeyondTest } from "./suite.ts";

checkRoles(kubeApiserver, isBeyondTest);
