//go:build tools

// Package tools names the programs that ../build makes of the oldest supported version; etcd comes from the newest.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
)
