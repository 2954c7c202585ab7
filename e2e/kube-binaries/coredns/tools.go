//go:build tools

// Package tools names the program that ../build makes: the DNS server of clusters, which wants other versions of what it
// shares with Kubernetes.
package tools

import _ "github.com/coredns/coredns"
