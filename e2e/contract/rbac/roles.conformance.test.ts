import { kubeApiserver } from "../kube-apiserver.ts";
import { checkRoles, withoutRecords } from "./suite.ts";

checkRoles(kubeApiserver, withoutRecords);
