// The informer of client-go as a contender: it answers the commands that ../contender.ts sends, as ../observer.ts does.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// Where a writer leaves the instant at which it sent its change.
const sentAnnotation = "bench.berth.dev/sent"

type observer struct {
	mutex   sync.Mutex
	objects int
	// Calls of the update handler since the last report, and how long each change that was sent took to get here.
	updates int
	lagsMs  []float64
	lastAt  float64
	// What is waited for, asked after every event.
	done func() bool
	say  chan string
}

// Milliseconds on the clock that all processes of a machine share.
func instant() float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Fatal(err)
	}
	return float64(now.Nano()) / 1e6
}

func (o *observer) event(note func(now float64)) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.lastAt = instant()
	note(o.lastAt)
	o.check()
}

func (o *observer) check() {
	if o.done == nil || !o.done() {
		return
	}
	o.done = nil
	o.report()
}

func (o *observer) report() {
	text, err := json.Marshal(map[string]any{
		"at": o.lastAt, "objects": o.objects, "updates": o.updates, "lagsMs": o.lagsMs,
	})
	if err != nil {
		log.Fatal(err)
	}
	o.say <- string(text)
	o.lagsMs = []float64{}
	o.updates = 0
}

func (o *observer) await(done func() bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.done = done
	o.check()
}

func (o *observer) update(_, after any) {
	slice := after.(*discovery.EndpointSlice)
	o.event(func(now float64) {
		o.updates++
		if sent, err := strconv.ParseFloat(slice.Annotations[sentAnnotation], 64); err == nil {
			o.lagsMs = append(o.lagsMs, now-sent)
		}
	})
}

func withoutManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

func main() {
	contentType := flag.String("content-type", "application/json", "what objects are sent as")
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	config.ContentType = *contentType
	config.AcceptContentTypes = *contentType
	factory := informers.NewSharedInformerFactoryWithOptions(
		kubernetes.NewForConfigOrDie(config), 0, informers.WithTransform(withoutManagedFields))
	informer := factory.Discovery().V1().EndpointSlices().Informer()
	o := &observer{say: make(chan string, 1), lagsMs: []float64{}}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { o.event(func(float64) { o.objects++ }) },
		UpdateFunc: o.update,
		DeleteFunc: func(any) { o.event(func(float64) { o.objects-- }) },
	}); err != nil {
		log.Fatal(err)
	}

	fmt.Println("{}")
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		command, argument, _ := strings.Cut(commands.Text(), " ")
		count, _ := strconv.Atoi(argument)
		switch command {
		case "sync":
			o.await(func() bool { return o.objects == count })
			factory.Start(make(chan struct{}))
		case "collect":
			collect()
			o.await(func() bool { return true })
		case "changes":
			o.await(func() bool { return o.updates >= count })
		case "objects":
			o.await(func() bool { return o.objects == count })
		}
		fmt.Println(<-o.say)
	}
}

func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}
