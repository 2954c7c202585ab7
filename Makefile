# Berth: what can be done here. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
NODE := node_modules/node/bin/node
VITEST := $(NODE) node_modules/vitest/vitest.mjs run
MAKEFLAGS += --no-print-directory

.PHONY: help setup setup-aws setup-real demo demo-aws demo-gcp test verify lint format typecheck unit kernel e2e e2e-scenarios e2e-aws e2e-gcp e2e-real e2e-kind contract crash conformance churn duel oracle golden bench bench-controller bench-gcp bench-kube images clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: ## install npm packages, kubectl and (as root) missing Debian packages
	@hack/setup

demo: setup ## start a sandbox cluster and show a LoadBalancer Service that answers from outside
	@bin/berth sandbox demo $(if $(SABOTAGE),--sabotage $(SABOTAGE))

demo-aws: setup ## the same on a stand-in of AWS, by the provider aws-nlb, with what was asked of it (root)
	@$(NODE) e2e/demo-cloud/aws.ts

demo-gcp: setup ## the same on a stand-in of Google Cloud, by the provider gcp-l4, with what was asked of it (root)
	@$(NODE) e2e/demo-cloud/gcp.ts

test: setup ## everything that needs no Go, Docker or cloud: verify, kernel and e2e
	@$(MAKE) verify kernel e2e

verify: lint typecheck unit ## format check, lint, types, unit tests; leaves the tree as it was

lint: setup ## format check, linter, unused code
	@$(NODE) hack/lint.ts

format: setup ## rewrite the sources in the one format
	@node_modules/.bin/biome check --write --log-level=warn .

typecheck: setup ## the type checker
	@$(NODE) node_modules/typescript/bin/tsc

unit: setup ## unit tests, pure and on loopback
	@$(VITEST) --project unit

kernel: setup ## tests on the real kernel, in network namespaces of their own (root)
	@$(VITEST) --project kernel

e2e: setup ## the whole of Berth in sandbox clusters (root)
	@$(VITEST) --project e2e

e2e-scenarios: setup ## the set of scenarios that kind and a real cluster play too, and those of the clouds, in sandbox clusters (root)
	@$(VITEST) --project scenarios

setup-aws: setup ## install moto, an emulator of AWS, into an environment of its own (needs Python 3 with venv)
	@hack/setup-aws

e2e-aws: setup-aws ## the provider aws-nlb through AWS' SDK against moto
	@$(VITEST) --project aws

e2e-gcp: setup ## the provider gcp-l4 on the stand-in of Compute Engine: conformance, and whole sandbox clusters (root)
	@$(VITEST) --project conformance providers/gcp
	@$(VITEST) --project scenarios e2e/scenarios/gcp

contract: setup ## the sandbox's API server held to transcripts of a real kube-apiserver
	@$(VITEST) --project contract

crash: setup ## the controller killed after every step of its work, in sandbox clusters (root)
	@$(VITEST) --project crash

conformance: setup ## the contract suite against the real kube-apiserver (builds it once; needs Go; KUBE=1.35.4) and the sandbox
	@KUBE= e2e/kube-binaries/build
	@KUBE=$(KUBE) e2e/kube-binaries/build
	@KUBE=$(KUBE) $(VITEST) --project conformance
	@$(MAKE) contract

churn: setup ## kube-proxy and kubectl beside both API servers, CHURN_MINUTES=10 (root; needs Go once)
	@e2e/kube-binaries/build
	@$(NODE) e2e/churn/main.ts

duel: setup ## two controllers that lose their Lease again and again, DUEL_MINUTES=10 (root)
	@$(NODE) e2e/duel/main.ts

oracle: setup ## planned rules against an independent oracle in random clusters, CASES=100000
	@$(NODE) e2e/oracle/main.ts $(or $(CASES),100000) $(FILE)

golden: setup ## rewrite golden files from what the code does now; read the diff
	@$(VITEST) --project unit --update

bench: setup ## the agent side by side with kube-proxy, 40 minutes (root; needs e2e/kube-binaries/build once)
	@$(NODE) bench/agent/main.ts
	@$(NODE) bench/agent/rollout.ts

bench-controller: setup ## from a new LoadBalancer Service to the first answer outside (root); a restart of the controller (needs e2e/kube-binaries/build once)
	@$(NODE) bench/controller/first-answer.ts
	@$(NODE) bench/controller/restart.ts

bench-gcp: setup ## requests, crashes and the controller's process with the provider gcp-l4 on its stand-in, 10 minutes
	@$(NODE) bench/gcp/main.ts

bench-kube: setup ## our informer side by side with those of client-node and client-go (builds what is missing; needs Go)
	@e2e/kube-binaries/build
	@bench/kube/client-go/build
	@$(NODE) bench/kube/main.ts

setup-real: setup ## install Debian's containerd, runc and CNI plug-ins where they are missing (root)
	@hack/setup-real

e2e-real: setup-real images ## the scenarios on a real cluster of three nodes, with Berth's images and chart (root; Go once)
	@e2e/kube-binaries/build
	@e2e/kube-binaries/build cluster
	@$(VITEST) --project real

e2e-kind: setup ## the same on kind without kube-proxy (Docker and kind)
	@$(NODE) e2e/kind/check.ts
	@$(VITEST) --project kind

images: setup ## the images as archives in images/built, for docker load, ctr or kind (Debian's apt and dpkg; ARCH="amd64 arm64")
	@$(NODE) images/main.ts archives images/built $(or $(ARCH),$(shell dpkg --print-architecture))

clean: ## remove what setup and the tests made
	@rm -rf node_modules .tools coverage images/built e2e/failed
