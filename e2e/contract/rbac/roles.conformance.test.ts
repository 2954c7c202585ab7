import { kubeApiserver } from "../kube-apiserver.ts";
import { checkRoles, countsEvents } from "./suite.ts";

checkRoles(kubeApiserver, countsEvents);
