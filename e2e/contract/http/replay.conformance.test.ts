import { kubeApiserver } from "../kube-apiserver.ts";
import { replayExchanges } from "./replay.ts";

await replayExchanges(kubeApiserver);
