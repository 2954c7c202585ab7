// kube-proxy-rules writes the rules that kube-proxy's own iptables proxier makes of a cluster, without a kernel: it
// reads a JSON list of cases from standard input and prints a JSON list of texts in the form of iptables-save. Start it
// in a network namespace of its own: the proxier opens health check ports and asks for accounting objects.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	sysctltesting "k8s.io/component-helpers/node/util/sysctl/testing"
	"k8s.io/klog/v2"
	kubeproxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"
	"k8s.io/kubernetes/pkg/proxy/iptables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"
	iptablestest "k8s.io/kubernetes/pkg/util/iptables/testing"
)

// Case is one node and what it knows of its cluster, in one address family.
type Case struct {
	Family   v1.IPFamily
	NodeName string
	NodeIP   string
	Zone     string
	// Detect is "cidr", "bridge", "prefix" or nothing, and Local what it looks for.
	Detect             string
	Local              string
	NodePortAddresses  []string
	LocalhostNodePorts bool
	MasqueradeAll      bool
	MasqueradeBit      int32
	BeLiberal          bool
	Services           []*v1.Service
	Slices             []*discovery.EndpointSlice
}

func main() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		log.Fatal(err)
	}
	texts := []string{}
	for _, c := range cases {
		text, err := rules(c)
		if err != nil {
			log.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := json.NewEncoder(os.Stdout).Encode(texts); err != nil {
		log.Fatal(err)
	}
}

func rules(c Case) (string, error) {
	tables := iptablestest.NewFake()
	if c.Family == v1.IPv6Protocol {
		tables = iptablestest.NewIPv6Fake()
	}
	sysctl := sysctltesting.NewFake()
	sysctl.Settings["net/netfilter/nf_conntrack_tcp_be_liberal"] = 0
	if c.BeLiberal {
		sysctl.Settings["net/netfilter/nf_conntrack_tcp_be_liberal"] = 1
	}
	config := &kubeproxyconfig.KubeProxyConfiguration{
		NodePortAddresses: c.NodePortAddresses,
		SyncPeriod:        metav1.Duration{Duration: 30 * time.Second},
		MinSyncPeriod:     metav1.Duration{Duration: time.Second},
	}
	config.IPTables.LocalhostNodePorts = &c.LocalhostNodePorts
	config.IPTables.MasqueradeBit = &c.MasqueradeBit
	config.Linux.MasqueradeAll = c.MasqueradeAll
	proxier, err := iptables.NewProxier(context.Background(), config, c.Family, tables, sysctl, detector(c),
		c.NodeName, net.ParseIP(c.NodeIP), &events.FakeRecorder{}, nil, false)
	if err != nil {
		return "", err
	}
	if c.Zone != "" {
		proxier.OnTopologyChange(map[string]string{v1.LabelTopologyZone: c.Zone})
	}
	for _, service := range c.Services {
		proxier.OnServiceAdd(service)
	}
	for _, slice := range c.Slices {
		proxier.OnEndpointSliceAdd(slice)
	}
	// The second of the two finds all synced and writes the rules before it returns.
	proxier.OnServiceSynced()
	proxier.OnEndpointSlicesSynced()
	return tables.Dump.String(), nil
}

func detector(c Case) proxyutil.LocalTrafficDetector {
	switch c.Detect {
	case "cidr":
		return proxyutil.NewDetectLocalByCIDR(c.Local)
	case "bridge":
		return proxyutil.NewDetectLocalByBridgeInterface(c.Local)
	case "prefix":
		return proxyutil.NewDetectLocalByInterfaceNamePrefix(c.Local)
	default:
		return proxyutil.NewNoOpLocalDetector()
	}
}
