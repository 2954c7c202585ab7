import { kubeApiserver } from "../kube-apiserver.ts";
import { replayExchanges } from "./replay.ts";

replayExchanges(kubeApiserver, { hasLimits: false });
