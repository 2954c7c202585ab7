import { kubeApiserver } from "../kube-apiserver.ts";
import { keepCaches } from "./caches.ts";
import { followRestores } from "./restores.ts";
import { writeThroughFaults } from "./writers.ts";

keepCaches(kubeApiserver);
followRestores(kubeApiserver);
writeThroughFaults(kubeApiserver);
