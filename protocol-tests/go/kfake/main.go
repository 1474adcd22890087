// Command kfake serves franz-go's kfake, a third implementation of Kafka's protocol beside Apache's and brooklet's own.
//
// It prints the address of the cluster's only broker as a line and ends with its input, so that it never outlives the
// test that started it.
//
//	kfake [VERSION]    e.g. 3.9; the newest that kfake knows by default
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

func main() {
	options := []kfake.Opt{kfake.NumBrokers(1)}
	if len(os.Args) > 1 {
		version := kversion.FromString(os.Args[1])
		if version == nil {
			fail(fmt.Errorf("no version of Kafka: %q", os.Args[1]))
		}
		options = append(options, kfake.MaxVersions(version))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		fail(err)
	}
	defer cluster.Close()
	fmt.Println(cluster.ListenAddrs()[0])
	_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kfake:", err)
	os.Exit(1)
}
