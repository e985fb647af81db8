//go:build linux || darwin

package terminal

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func TestNobodyElseInTheProcessHearsASignalWhileWeListen(t *testing.T) {
	theirs := make(chan os.Signal, 1)
	signal.Notify(theirs, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(theirs)
	ours := Listen()
	defer ours.Stop()
	for _, sent := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := syscall.Kill(os.Getpid(), sent); err != nil {
			t.Fatal(err)
		}
		select {
		case caught := <-ours.Caught:
			if caught != sent {
				t.Errorf("caught %v, not %v", caught, sent)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%v was not caught", sent)
		}
	}
	if len(theirs) != 0 {
		t.Errorf("another part of the program heard %v", <-theirs)
	}
}
